"use strict";
(function () {
  const SHORT = 10; // rows of a long table that are shown at first

  // Columns of numbers: by the number that the page was made from.
  Tablesort.extend("value", () => false, (a, b) => (Number(b) - Number(a)) || 0);

  function sortable(table) {
    new Tablesort(table);
    table.addEventListener("afterSort", () => {
      const column = table.querySelector("[aria-sort]").cellIndex, body = table.tBodies[0];
      // Without a value, a row is last in both directions.
      body.append(...[...body.rows].filter((row) => row.cells[column].dataset.sort === "nan"));
    });
    for (const head of table.tHead.rows[0].cells) {
      const button = document.createElement("button");
      button.type = "button";
      button.title = head.dataset.label;
      button.append(...head.childNodes);
      head.append(button);
      head.removeAttribute("tabindex"); // the button takes the keys
    }
  }

  function foldable(table) {
    const button = document.createElement("button");
    button.type = "button";
    const fold = (short) => {
      table.classList.toggle("short", short);
      button.textContent = short ? table.dataset.more : table.dataset.fewer;
      button.setAttribute("aria-expanded", String(!short));
    };
    button.addEventListener("click", () => fold(!table.classList.contains("short")));
    fold(true);
    table.parentElement.after(button);
  }

  for (const table of document.querySelectorAll(".table > table")) {
    const rows = table.tBodies[0].rows.length;
    if (rows > 1) sortable(table);
    if (rows > SHORT + 2) foldable(table);
  }

  // A box takes the focus only where there is something to scroll.
  const boxes = new ResizeObserver((entries) => {
    for (const { target } of entries) target.tabIndex = target.scrollWidth > target.clientWidth ? 0 : -1;
  });
  for (const box of document.querySelectorAll(".table, .drawing")) boxes.observe(box);

  // Light and dark: as the system says, until the reader chooses.
  const dark = document.getElementById("dark");
  const system = matchMedia("(prefers-color-scheme: dark)");
  const switcher = document.getElementById("colours");
  let chosen = null;
  try { chosen = localStorage.getItem("dguide-colours"); } catch { /* a browser that keeps nothing for a file */ }
  function paint() {
    const on = chosen ? chosen === "dark" : system.matches;
    dark.media = on ? "screen" : "not all";
    switcher.textContent = on ? switcher.dataset.light : switcher.dataset.dark;
  }
  switcher.addEventListener("click", () => {
    chosen = (chosen ? chosen === "dark" : system.matches) ? "light" : "dark";
    try { localStorage.setItem("dguide-colours", chosen); } catch { /* as above */ }
    paint();
  });
  system.addEventListener("change", paint);
  switcher.hidden = false;
  paint();

  // Values under the pointer or finger at once, where a browser would wait, or show none.
  const tip = document.createElement("div");
  tip.id = "tip";
  tip.hidden = true;
  tip.setAttribute("aria-hidden", "true"); // the list of values below the chart says the same
  document.body.append(tip);
  function show(event, text) {
    tip.textContent = text;
    tip.hidden = false;
    const most = scrollX + document.documentElement.clientWidth - tip.offsetWidth - 8;
    tip.style.left = Math.max(scrollX + 8, Math.min(event.pageX + 14, most)) + "px";
    tip.style.top = event.pageY - tip.offsetHeight - 12 + "px";
  }
  for (const drawing of document.querySelectorAll(".drawing > svg")) {
    drawing.setAttribute("aria-label", drawing.querySelector(":scope > title").textContent);
    drawing.removeAttribute("aria-labelledby");
    for (const title of drawing.querySelectorAll("title")) {
      const point = title.parentElement, text = title.textContent;
      title.remove();
      if (point === drawing) continue;
      for (const kind of ["pointerenter", "pointerdown"]) point.addEventListener(kind, (event) => show(event, text));
      point.addEventListener("pointerleave", () => { tip.hidden = true; });
    }
  }
})();
