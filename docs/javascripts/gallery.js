// The filters of the page explorer/gallery.html. Their values are in the hash of the address.
"use strict";

(function () {
  const form = document.querySelector("form.gallery");
  if (!form) return;
  const cards = [...document.querySelectorAll(".cards article")];

  function apply() {
    const chosen = [...new FormData(form)].filter(([, value]) => value !== "");
    const fits = (card) =>
      chosen.every(([name, value]) => {
        if (name === "text") return value.toLowerCase().split(/\s+/).every((word) => card.dataset.text.includes(word));
        const year = card.dataset.year;
        if (name === "from") return year !== "" && Number(year) >= Number(value);
        if (name === "to") return year !== "" && Number(year) <= Number(value);
        return card.dataset[name].split("|").includes(value);
      });
    cards.forEach((card) => { card.hidden = !fits(card); });
    const count = cards.filter((card) => !card.hidden).length;
    document.getElementById("gallery-count").textContent = `${count} of ${cards.length}`;
    const hash = new URLSearchParams(chosen).toString();
    history.replaceState(null, "", hash ? `#${hash}` : location.pathname.split("/").pop() + location.search);
  }

  for (const [name, value] of new URLSearchParams(location.hash.slice(1))) {
    if (form.elements[name]) form.elements[name].value = value;
  }
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("reset", () => setTimeout(apply));
  apply();
})();
