// The station's page in a real browser: Chromium without a screen, through playwright-core.
// usage: node pages.mjs TEST-BINARY PICTURES; TEST-BINARY is internal/page's, which serves a
// bench. Each check says what it holds; the first that fails ends it. The pictures of the
// documentation are compared by the words on them, which lie beside them; with ZARYA_PICTURES=DIR
// they are made anew.
import { spawn } from "node:child_process";
import { createRequire } from "node:module";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { createInterface } from "node:readline";
import assert from "node:assert/strict";

const [binary, pictures] = process.argv.slice(2);
const fresh = process.env.ZARYA_PICTURES, kept = fresh || "docs/pictures";
const { chromium } = createRequire(process.cwd() + "/.tools/pages/")("playwright-core");
mkdirSync(pictures, { recursive: true });

async function serve(listen, lang) {
  const child = spawn(binary, ["-test.run", "^TestServeForBrowser$", "-test.timeout", "60m"],
    { env: { ...process.env, TZ: "UTC", ZARYA_PAGE_LISTEN: listen, ZARYA_PAGE_LANG: lang }, stdio: ["pipe", "ignore", "pipe"] });
  const ended = new Promise((done) => child.on("exit", done));
  const address = await new Promise((done, failed) => {
    createInterface({ input: child.stderr }).on("line", (line) => {
      const found = /^listening on (.*)$/.exec(line);
      if (found) done(found[1]); else console.error(line);
    });
    ended.then((code) => failed(new Error(`the server ended with ${code}`)));
  });
  return { address, tell: (n) => child.stdin.write(`${n}\n`), end: () => { child.stdin.end(); return ended; },
    kill: () => { child.kill("SIGKILL"); return ended; } };
}

const guard = 600000; // milliseconds, of what hangs
let server = await serve("127.0.0.1:0", "ru");
const base = `http://${server.address}`;
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"], timeout: guard });
const strange = [], complaints = [];

async function tab(options) {
  const context = await browser.newContext(options);
  context.setDefaultTimeout(guard);
  const page = await context.newPage();
  page.on("request", (r) => { if (!r.url().startsWith(base + "/")) strange.push(r.url()); });
  page.on("console", (m) => { if (/Content Security|Refused/.test(m.text())) complaints.push(m.text()); });
  page.on("pageerror", (e) => complaints.push(String(e)));
  return page;
}

// The least contrast of any text that can be seen, as WCAG measures it.
const contrast = () => {
  const rgb = (c) => { const m = c.match(/[\d.]+/g).map(Number); return { c: m.slice(0, 3), a: m[3] ?? 1 }; };
  const light = ([r, g, b]) => { const f = (v) => ((v /= 255) <= .03928 ? v / 12.92 : ((v + .055) / 1.055) ** 2.4); return .2126 * f(r) + .7152 * f(g) + .0722 * f(b); };
  const ground = (e) => { for (; e; e = e.parentElement) { const b = rgb(getComputedStyle(e).backgroundColor); if (b.a > 0) return b.c; } return [255, 255, 255]; };
  let least = [99, ""];
  for (const e of document.querySelectorAll("body *")) {
    if (e.closest("svg, .say, .skip, [hidden], noscript, script") || ![...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim())) continue;
    const a = light(rgb(getComputedStyle(e).color).c), b = light(ground(e));
    const ratio = (Math.max(a, b) + .05) / (Math.min(a, b) + .05);
    if (ratio < least[0]) least = [ratio, e.textContent.trim().slice(0, 40)];
  }
  return least;
};

// Words that are broken in their middle: their letters stand on two lines.
const broken = (within) => {
  const found = [];
  for (const e of document.querySelectorAll(within)) {
    const texts = document.createTreeWalker(e, NodeFilter.SHOW_TEXT), range = document.createRange();
    for (let t; (t = texts.nextNode());) {
      for (const m of t.data.matchAll(/\p{L}{2,}/gu)) {
        range.setStart(t, m.index); range.setEnd(t, m.index + m[0].length);
        if (new Set([...range.getClientRects()].map((r) => Math.round(r.top))).size > 1) found.push(m[0]);
      }
    }
  }
  return found;
};

async function check(name, run) {
  await run();
  console.log(`ok  ${name}`);
}

const desk = await tab({ viewport: { width: 1440, height: 1000 }, colorScheme: "light" });
try {
  await check("the board shows the one action, ports and plots", async () => {
    await desk.goto(base + "/");
    assert.match(await desk.textContent("#next strong"), /A3: подключите обратно, осталось 22 с/);
    assert.equal(await desk.locator(".port").count(), 16);
    assert.equal(await desk.locator("svg[role=img]").count(), 2);
    await desk.screenshot({ path: `${pictures}/board-light-1440.png`, fullPage: true });
  });
  await check("a change comes by itself, and the focus stays", async () => {
    await desk.focus("#port-A2");
    server.tell(77);
    await desk.waitForFunction(() => document.querySelector("#port-A2").textContent.includes("77%"));
    assert.equal(await desk.evaluate(() => document.activeElement.id), "port-A2");
  });
  await check("a stream that is cut is said, and comes back by itself", async () => {
    await server.kill();
    await desk.waitForSelector("#cut:not([hidden])");
    assert.match(await desk.textContent("#cut"), /^нет связи с \d\d:\d\d:\d\d, пробуем снова$/);
    await desk.screenshot({ path: `${pictures}/board-cut-1440.png` });
    server = await serve(server.address, "ru");
    server.tell(88);
    await desk.waitForFunction(() => document.querySelector("#cut").textContent === "снова на связи");
    await desk.waitForFunction(() => document.querySelector("#cut").hidden && !document.body.classList.contains("stale") && document.querySelector("#port-A2").textContent.includes("88%"));
  });
  await check("with the keyboard alone: a port, its question, the order", async () => {
    await desk.goto(base + "/");
    for (let i = 0; i < 40 && (await desk.evaluate(() => document.activeElement.id)) !== "port-B1"; i++) await desk.keyboard.press("Tab");
    await desk.keyboard.press("Enter");
    await desk.waitForURL("**/port/B1");
    for (let i = 0; i < 40 && (await desk.evaluate(() => document.activeElement.value)) !== "clear"; i++) await desk.keyboard.press("Tab");
    await desk.keyboard.press("Enter");
    await desk.waitForURL("**/confirm?**");
    for (let i = 0; i < 40 && !(await desk.evaluate(() => document.activeElement.matches("button.yes"))); i++) await desk.keyboard.press("Tab");
    await desk.keyboard.press("Enter");
    await desk.waitForURL("**/port/B1");
  });
  const pages = { board: "/", jobs: "/jobs", job: "/job/j2", port: "/port/B1", report: "/report?days=30", tablet: "/tablet?serial=HT4821", filtered: "/jobs?days=30&class=cable&port=B1", supervisor: "/supervisor", decide: "/confirm?do=disposition&disposition=scrap&job=j2", confirm: "/confirm?do=set-aside&port=B1" };
  for (const [width, height, colorScheme, zoom = 1] of [[1440, 1000, "light"], [1440, 1000, "dark"], [768, 1000, "light"], [390, 844, "dark"], [390, 844, "light"], [320, 640, "light"], [720, 500, "light", 2]]) {
    await check(`${width} px, ${colorScheme}, zoom ${100 * zoom} %: nothing beside the screen, contrast AA`, async () => {
      const page = await tab({ viewport: { width, height }, colorScheme, deviceScaleFactor: zoom });
      for (const [name, path] of Object.entries(pages)) {
        await page.goto(base + path);
        const wide = await page.evaluate(() => document.documentElement.scrollWidth);
        assert.ok(wide <= width, `${path} is ${wide} px wide`);
        const cut = await page.evaluate(() => [...document.querySelectorAll(".port .s, .port h3, th")].filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent));
        assert.deepEqual(cut, [], `${path}: words that are cut off`);
        const beside = await page.evaluate(() => [...document.querySelectorAll(".jobs")].filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.className));
        assert.deepEqual(beside, [], `${path}: a list that is wider than its place`);
        const apart = await page.evaluate(broken, "main section");
        if (width > 320) assert.deepEqual(apart, [], `${path}: words that are broken`);
        const [ratio, text] = await page.evaluate(contrast);
        assert.ok(ratio >= 4.5, `${path}: contrast ${ratio.toFixed(2)} of "${text}"`);
        await page.screenshot({ path: `${pictures}/${name}-${colorScheme}-${width}.png`, fullPage: true });
      }
      await page.context().close();
    });
  }
  await check("with the keyboard alone: what becomes of a tablet, filters", async () => {
    const tabTo = async (what) => {
      for (let i = 0; i < 60; i++) {
        if (await desk.evaluate((q) => document.activeElement.matches(q), what)) return;
        await desk.keyboard.press("Tab");
      }
      assert.fail(`${what} is not reached`);
    };
    await desk.goto(base + "/job/j2");
    await tabTo("button[name=disposition][value=scrap]");
    const ring = await desk.evaluate(() => getComputedStyle(document.activeElement).outlineWidth);
    assert.equal(ring, "3px");
    await desk.keyboard.press("Enter");
    await desk.waitForURL("**/confirm?**");
    await tabTo("input[name=by]");
    await desk.keyboard.type("77");
    await desk.keyboard.press("Enter");
    await desk.waitForURL("**/job/j2");
    await desk.goto(base + "/jobs");
    await tabTo("select[name=class]");
    await desk.keyboard.press("Tab");
    await desk.keyboard.press("Tab");
    await desk.keyboard.type("4821");
    await desk.keyboard.press("Enter");
    await desk.waitForURL("**/jobs?**serial=4821**");
    assert.equal(await desk.locator("tbody tr").count(), 1);
  });
  await check("English is chosen on a page, remembered on the next, and Russian again", async () => {
    const page = await tab({ viewport: { width: 390, height: 844 }, colorScheme: "light" });
    await page.goto(base + "/jobs?days=7");
    await page.click(".language button[value=en]");
    await page.waitForFunction(() => document.documentElement.lang === "en");
    assert.equal(page.url(), base + "/jobs?days=7");
    await page.goto(base + "/");
    assert.match(await page.textContent("#next strong"), /A3: plug it back in, 22 s left/);
    server.tell(91);
    await page.waitForFunction(() => /flash 91%/.test(document.querySelector("#port-A2").textContent));
    await page.screenshot({ path: `${pictures}/board-en-light-390.png`, fullPage: true });
    await page.click(".language button[value=ru]");
    await page.waitForFunction(() => document.documentElement.lang === "ru");
    await page.context().close();
  });
  await check("60 ports: on a desk, on a phone, each a place of its own", async () => {
    server.tell("ports");
    for (const [width, height] of [[1280, 900], [390, 844]]) {
      const shape = width > 1000 ? 8 : 2; // ports in a row: a hub stays as it stands on the bench
      const page = await tab({ viewport: { width, height } });
      await page.goto(base + "/");
      await page.waitForFunction(() => document.querySelectorAll(".port").length === 60);
      const places = await page.evaluate(() => [...document.querySelectorAll(".port")].map((e) => { const r = e.getBoundingClientRect(); return `${r.left},${r.top}`; }));
      assert.equal(new Set(places).size, 60);
      assert.equal(places.filter((p) => p.endsWith("," + places[0].split(",")[1])).length, shape);
      assert.ok(await page.evaluate(() => document.documentElement.scrollWidth) <= width);
      await page.screenshot({ path: `${pictures}/board60-${width}.png`, fullPage: true });
      await page.context().close();
    }
    server.tell("bench");
  });
  await check("no word on a port is broken, whatever its hint is", async () => {
    for (const width of [320, 390, 768, 1200, 1280, 1920]) {
      const page = await tab({ viewport: { width, height: 900 }, javaScriptEnabled: true });
      await page.goto(base + "/");
      assert.deepEqual(await page.evaluate(broken, ".port, .tile, #next, h2, nav, header b"), [], `${width} px`);
      await page.evaluate(() => { for (const e of document.querySelectorAll(".port .w")) e.textContent = "кабель: подключите, не грузится, отложите"; });
      assert.deepEqual(await page.evaluate(broken, ".port"), [], `${width} px, long hints`);
      await page.context().close();
    }
  });
  await check("on a phone ports come before figures", async () => {
    const page = await tab({ viewport: { width: 390, height: 844 } });
    await page.goto(base + "/");
    const [port, tiles] = await page.evaluate(() => ["#port-B8", "#tiles"].map((q) => document.querySelector(q).getBoundingClientRect().top));
    assert.ok(port < tiles, `ports at ${port}, figures at ${tiles}`);
    await page.context().close();
  });
  await check("without a script the page loads itself anew", async () => {
    const page = await tab({ javaScriptEnabled: false });
    await page.goto(base + "/");
    server.tell(91);
    await page.locator("#port-A2", { hasText: "91%" }).waitFor();
    await page.context().close();
  });
  await check("no request to another host, nothing against the policy", async () => {
    assert.deepEqual(strange, []);
    assert.deepEqual(complaints, []);
  });
  for (const lang of ["en", "ru"]) {
    await check(`the documentation's pictures show what the page says today, ${lang}`, async () => {
      const bench = await serve("127.0.0.1:0", lang);
      const words = [], dot = lang === "en" ? "" : "." + lang;
      try {
        for (const [name, width, height] of [["page", 1200, 840], ["phone", 390, 844]]) {
          const context = await browser.newContext({ viewport: { width, height }, colorScheme: "light", timezoneId: "UTC" });
          context.setDefaultTimeout(guard);
          const page = await context.newPage();
          await page.goto(`http://${bench.address}/`);
          words.push(await page.evaluate(() => document.body.innerText.replace(/\s*\n\s*/g, "\n").trim()));
          const cut = await page.evaluate(() => [...document.querySelectorAll(".port *")].filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent));
          assert.deepEqual(cut, [], `${width} px, ${lang}: words that are cut off`);
          const last = width > 1000 ? "#hub1" : "#hub0"; // a picture ends where a hub does
          const end = await page.evaluate((q) => document.querySelector(q).getBoundingClientRect().bottom + 14, last);
          if (fresh) await page.screenshot({ path: `${kept}/${name}${dot}.png`, clip: { x: 0, y: 0, width, height: Math.ceil(end) }, fullPage: true });
          await context.close();
        }
      } finally {
        await bench.end();
      }
      const file = `${kept}/page${dot}.txt`, text = words.join("\n\n") + "\n";
      if (fresh) writeFileSync(file, text);
      assert.equal(text, readFileSync(file, "utf8"), `${file} is not what the page says: run make pictures`);
    });
  }
  console.log(`pictures are in ${pictures}`);
} finally {
  await browser.close();
  await server.end();
}
