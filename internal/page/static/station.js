// The page's only script: puts the changed parts of the board in place, and says when the
// stream from the station is cut. Without it the page loads itself anew (noscript).
"use strict";
(() => {
  const board = document.getElementById("board");
  const cut = document.getElementById("cut");
  const say = document.getElementById("say");
  const silence = 12000; // the station says something every 5 s
  let stream, watch, since = cut.dataset.since, gone = false;

  // Elements that the board's parts are compared by; whatever has the focus keeps it.
  const parts = (root) => [...root.querySelectorAll("#next, #banners, #tiles, .hubs > h2, .port, #plots")];
  const shape = (list) => list.map((e) => e.id).join("\n");

  function show(html) {
    const fresh = new DOMParser().parseFromString(html, "text/html").body;
    const now = parts(board), then = parts(fresh);
    if (shape(now) !== shape(then)) {
      const focus = document.activeElement && document.activeElement.id;
      board.replaceChildren(...fresh.childNodes);
      if (focus) document.getElementById(focus)?.focus();
    } else {
      then.forEach((e, i) => {
        if (now[i].className !== e.className) now[i].className = e.className;
        if (now[i].innerHTML !== e.innerHTML) now[i].replaceChildren(...e.childNodes);
        if (e.dataset.say !== undefined) now[i].dataset.say = e.dataset.say;
      });
    }
    speak();
  }

  // A screen reader hears what to do when that changes, not each second that passes.
  function speak() {
    const text = document.getElementById("next")?.dataset.say || "";
    if (say.textContent !== text) say.textContent = text;
  }

  function heard(event) {
    since = event.lastEventId || since; // the station's own time
    if (gone) {
      gone = false;
      cut.textContent = cut.dataset.live;
      cut.classList.add("back");
      setTimeout(() => { cut.hidden = !gone; }, 6000);
    }
    document.body.classList.remove("stale");
    clearTimeout(watch);
    watch = setTimeout(lost, silence, true);
  }

  function lost(again) {
    if (!gone) {
      gone = true;
      cut.textContent = cut.dataset.cut.replace("{time}", since);
      cut.classList.remove("back");
    }
    cut.hidden = false;
    document.body.classList.add("stale");
    if (again || stream.readyState === EventSource.CLOSED) {
      stream.close();
      clearTimeout(watch);
      watch = setTimeout(open, 2000);
    }
  }

  function open() {
    stream = new EventSource("/events");
    stream.addEventListener("board", (e) => { heard(e); show(e.data); });
    stream.addEventListener("alive", heard);
    stream.addEventListener("error", () => lost(false));
    clearTimeout(watch);
    watch = setTimeout(lost, silence, true);
  }

  speak();
  open();
  addEventListener("pagehide", () => stream.close());
  addEventListener("pageshow", (e) => { if (e.persisted) open(); });
})();
