// The copy button of a block with Python's prompts: it copies the statements, without prompts and outputs.
"use strict";

document.addEventListener("click", (event) => {
  const button = event.target.closest("[data-clipboard-target]");
  const code = button && document.querySelector(button.dataset.clipboardTarget);
  if (!code || !code.querySelector(".gp")) return;
  let within = false; // a statement, whose lines may continue
  const lines = code.textContent.split("\n").filter((line) => {
    within = /^>>>( |$)/.test(line) || (within && /^\.\.\.( |$)/.test(line));
    return within;
  });
  button.dataset.clipboardText = lines.map((line) => line.slice(4)).join("\n") + "\n";
}, true); // before the theme reads the text
