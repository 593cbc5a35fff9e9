// The full tables of docs/tables: a filter for words, a list of values for some columns, and sorting by column.
(() => {
  "use strict";

  // The value to sort by: what precedes the spread, as a number if it is one.
  const value = (cell) => {
    const text = cell.firstChild ? cell.firstChild.textContent : "";
    const number = text.endsWith("inf") ? (text[0] === "-" ? -Infinity : Infinity) : Number(text.replace(/^2\^/, ""));
    return text === "" ? null : Number.isNaN(number) ? text : number;
  };

  const compare = (one, other) =>
    typeof one === typeof other ? (one < other ? -1 : one > other ? 1 : 0) : typeof one === "number" ? -1 : 1;

  const element = (name, properties, ...children) => {
    const made = Object.assign(document.createElement(name), properties);
    made.append(...children);
    return made;
  };

  const prepare = (box) => {
    const table = box.querySelector("table"), body = table.tBodies[0];
    const heads = [...table.tHead.rows[0].cells], titles = heads.map((head) => head.textContent);
    const rows = [...body.rows].map((row) => ({ row, text: row.textContent.toLowerCase() }));
    const words = element("input", { type: "search", placeholder: "words, for example a name" });
    const count = element("output", { ariaLive: "polite" });
    const lists = box.dataset.by.split(", ").filter(Boolean).map((title) => {
      const at = titles.indexOf(title);
      const values = [...new Set(rows.map(({ row }) => row.cells[at].textContent))];
      const list = element("select", {}, element("option", { value: "" }, "all"));
      list.append(...values.map((one) => element("option", { value: one }, one || "none")));
      return { title, at, list };
    });

    const filter = () => {
      const wanted = words.value.toLowerCase().split(/\s+/).filter(Boolean);
      let shown = 0;
      for (const { row, text } of rows) {
        const fits = wanted.every((word) => text.includes(word)) &&
          lists.every(({ at, list }) => list.selectedIndex === 0 || row.cells[at].textContent === list.value);
        row.hidden = !fits;
        shown += fits;
      }
      count.textContent = `${shown} of ${rows.length} rows`;
    };

    const sort = (at) => {
      const sign = heads[at].ariaSort === "ascending" ? -1 : 1;
      heads.forEach((head) => head.removeAttribute("aria-sort"));
      heads[at].setAttribute("aria-sort", sign === 1 ? "ascending" : "descending");
      const keyed = rows.map((one) => [value(one.row.cells[at]), one.row]);
      keyed.sort(([one], [other]) =>
        one === null || other === null ? (one === null) - (other === null) : sign * compare(one, other));
      body.append(...keyed.map(([, row]) => row));
    };

    heads.forEach((head, at) => {
      head.replaceChildren(element("button", { type: "button", onclick: () => sort(at) }, titles[at]));
    });
    const labels = [["filter", words], ...lists.map(({ title, list }) => [title, list])];
    const controls = labels.map(([title, control]) => element("label", {}, `${title} `, control));
    box.prepend(element("div", { className: "full-table__controls", oninput: filter }, ...controls, count));
    box.dataset.ready = "";
    filter();
  };

  const start = () => document.querySelectorAll(".full-table:not([data-ready])").forEach(prepare);
  if (window.document$) window.document$.subscribe(start);
  else document.addEventListener("DOMContentLoaded", start);
})();
