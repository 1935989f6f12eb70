// The search: every part of a page that has all the words, those with a word in their
// heading first. It works on pages that are opened from a disk.
const menu = document.querySelector(".menu");
const wide = matchMedia("(min-width: 60rem)");
const open = () => { menu.open = wide.matches; };
wide.addEventListener("change", open);
open();

const field = document.getElementById("q");
const list = document.getElementById("found");
const up = document.body.dataset.up;

function search() {
  const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
  list.replaceChildren();
  list.hidden = words.length === 0;
  if (list.hidden) return;
  const hits = [];
  for (const part of parts) {
    const heading = (part.p + " " + (part.h || "")).toLowerCase();
    const text = part.t.toLowerCase();
    if (!words.every((w) => heading.includes(w) || text.includes(w))) continue;
    const phrase = (heading + " " + text).includes(words.join(" ")) ? 1000 : 0;
    const rank = phrase + words.filter((w) => heading.includes(w)).length * 100 + words.reduce((n, w) => n + Math.min(9, text.split(w).length - 1), 0);
    hits.push([rank, part]);
  }
  hits.sort((a, b) => b[0] - a[0]);
  for (const [, part] of hits.slice(0, 20)) {
    const link = document.createElement("a");
    link.href = up + part.u;
    const title = document.createElement("strong");
    title.textContent = part.h ? part.p + " · " + part.h : part.p;
    const lower = part.t.toLowerCase();
    const at = Math.max(0, lower.includes(words.join(" ")) ? lower.indexOf(words.join(" ")) : lower.indexOf(words[0]));
    const text = document.createElement("span");
    text.textContent = (at > 40 ? "… " : "") + part.t.slice(Math.max(0, at - 40), at + 120);
    link.append(title, text);
    link.addEventListener("click", () => { field.value = ""; list.hidden = true; });
    list.append(link);
  }
  if (hits.length === 0) list.textContent = "Nothing has these words.";
}
field.addEventListener("input", search);
field.form.addEventListener("submit", (e) => {
  e.preventDefault();
  list.querySelector("a")?.click();
});
document.addEventListener("keydown", (e) => {
  if (e.key === "/" && document.activeElement !== field) { e.preventDefault(); field.focus(); }
  if (e.key === "Escape") { field.value = ""; search(); }
});
