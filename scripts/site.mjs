// The site in a real browser: nothing beside the screen, nothing from elsewhere, the search
// finds, and the station's sheets are printed, each on one A4 page.
// usage: node site.mjs SITE [PICTURES]
import { createRequire } from "node:module";
import { mkdirSync, readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { pathToFileURL } from "node:url";
import assert from "node:assert/strict";

const [site, pictures] = process.argv.slice(2);
const { chromium } = createRequire(process.cwd() + "/.tools/pages/")("playwright-core");
if (pictures) mkdirSync(pictures, { recursive: true });
const base = pathToFileURL(resolve(site)).href + "/";
const browser = await chromium.launch({ executablePath: process.env.CHROMIUM || "/usr/bin/chromium", args: ["--no-sandbox"] });
try {
  for (const [width, height, colorScheme] of [[1280, 900, "light"], [1280, 900, "dark"], [390, 844, "light"], [390, 844, "dark"]]) {
    const page = await (await browser.newContext({ viewport: { width, height }, colorScheme })).newPage();
    page.setDefaultTimeout(600000);
    const complaints = [];
    page.on("request", (r) => { if (!r.url().startsWith(base) && !r.url().startsWith("data:")) complaints.push(r.url()); });
    page.on("pageerror", (e) => complaints.push(String(e)));
    const names = readdirSync(site).filter((f) => f.endsWith(".html"));
    for (const name of names) {
      await page.goto(base + name);
      const wide = await page.evaluate(() => document.documentElement.scrollWidth);
      assert.ok(wide <= width, `${name} is ${wide} px wide on ${width} px`);
      if (pictures && /index|station-guide|troubleshooting|events|quickstart|settings/.test(name))
        await page.screenshot({ path: `${pictures}/${name.replace(".html", "")}-${colorScheme}-${width}.png` });
    }
    await page.goto(base + "index.html");
    await page.keyboard.press("/");
    await page.keyboard.type("bootloader is locked");
    assert.ok(await page.locator("#found a").count() > 0, "the search finds nothing");
    if (pictures) await page.screenshot({ path: `${pictures}/search-${colorScheme}-${width}.png` });
    await page.keyboard.press("Enter");
    await page.waitForURL((u) => !u.href.endsWith("index.html"));
    assert.deepEqual(complaints, []);
    console.log(`ok  ${names.length} pages on ${width} px, ${colorScheme}`);
    await page.context().close();
  }
  const page = await browser.newPage();
  for (const name of ["station-guide", "station-guide.ru"]) {
    await page.goto(base + name + ".html");
    await page.emulateMedia({ media: "print" });
    await page.setViewportSize({ width: 718, height: 1046 }); // A4 without its margins
    const cut = await page.evaluate(() => [...document.querySelectorAll(".wide")].filter((e) => e.scrollWidth > e.clientWidth + 1).map((e) => e.textContent.trim().slice(0, 20)));
    assert.deepEqual(cut, [], `${name}: tables that are cut off`);
    await page.pdf({ path: `${site}/${name}.pdf`, preferCSSPageSize: true, printBackground: true });
    const pages = readFileSync(`${site}/${name}.pdf`, "latin1").match(/\/Type\s*\/Page[^s]/g).length;
    assert.equal(pages, 1, `${name}.pdf has ${pages} pages`);
    console.log(`ok  ${name}.pdf is one A4 page`);
  }
} finally {
  await browser.close();
}
