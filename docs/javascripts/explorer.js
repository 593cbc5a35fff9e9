// The page explorer.html: two activations with sliders. Its state is in the hash of the address.
"use strict";

(function () {
  const root = document.querySelector("div.explorer");
  if (!root) return;
  const sides = ["a", "b"];
  const none = "none";
  const common = {
    q: { label: "variance q of z", value: 1, from: 0.01, to: 100, logarithmic: true },
    x: { label: "point x", value: 1, from: -8, to: 8 },
    range: { label: "plotted range ±", value: 4, from: 0.5, to: 50, logarithmic: true },
  };
  const state = {};
  const initial = () => ({ a: fresh("swish"), b: fresh("relu"), q: 1, x: 1, range: 4 });
  const fresh = (name) => ({ name, parameters: name === none ? [] : actx.activations[name].parameters.map((one) => one.default) });

  // The activation as the string that keras_actx reads: the parameters that differ from their defaults.
  const python = (value) =>
    value === null ? "None" : value === true ? "True" : value === false ? "False" : Number.isInteger(value) && Math.abs(value) < 1e15 ? value.toFixed(1) : String(value);
  const written = ({ name, parameters }) => {
    const declared = name === none ? [] : actx.activations[name].parameters;
    const changed = declared.map((one, at) => [one, parameters[at]]).filter(([one, value]) => value !== one.default);
    return changed.length ? `${name}(${changed.map(([one, value]) => `${one.name}=${python(value)}`).join(", ")})` : name;
  };
  const isAllowed = (one, value) =>
    one.flag ? typeof value === "boolean"
      : value === null ? one.optional
        : Number.isFinite(value) && (one.lowOpen ? value > one.low : value >= one.low) && (one.highOpen ? value < one.high : value <= one.high);

  // The reverse of `written`; an error says what is wrong.
  function read(text) {
    const [, name, inside] = /^\s*(\w+)\s*(?:\((.*)\))?\s*$/.exec(text) || [];
    if (name === none) return fresh(none);
    if (!Object.hasOwn(actx.activations, name || "")) throw new Error(`no activation ${text} on this page`);
    const found = fresh(name);
    for (const setting of (inside || "").split(",").filter((one) => one.trim())) {
      const [key, value] = setting.split("=").map((one) => one.trim());
      const at = actx.activations[name].parameters.findIndex((one) => one.name === key);
      if (at < 0) throw new Error(`${name} has no parameter ${key}`);
      const words = { None: null, True: true, False: false };
      found.parameters[at] = value in words ? words[value] : Number(value);
      const declared = actx.activations[name].parameters[at];
      if (!isAllowed(declared, found.parameters[at])) throw new Error(`${name}: ${key} accepts ${declared.allowed}`);
    }
    return found;
  }

  function load() {
    Object.assign(state, initial());
    const errors = [];
    for (const [key, text] of new URLSearchParams(location.hash.slice(1))) {
      try {
        if (sides.includes(key)) state[key] = read(text);
        else if (key in common) {
          if (!Number.isFinite(Number(text)) || (key !== "x" && Number(text) <= 0)) throw new Error(`${key}=${text} is not allowed`);
          state[key] = Number(text);
        }
      } catch (error) { errors.push(error.message); }
    }
    root.querySelector(".errors").textContent = errors.join("; ");
    sides.forEach(buildPanel);
    buildCommon();
    update();
  }

  function save() {
    const parts = [...sides.map((side) => [side, written(state[side])]), ...Object.keys(common).map((key) => [key, state[key]])];
    const hash = "#" + parts.map(([key, value]) => `${key}=${encodeURIComponent(value).replace(/%20/g, "+").replace(/%3D/g, "=").replace(/%2C/g, ",")}`).join("&");
    if (hash !== location.hash) history.replaceState(null, "", hash);
  }

  // A slider with a number beside it, which takes every value that is allowed.
  function control(name, one, value, allowed, set) {
    const place = (v) => (one.logarithmic ? Math.log10(v) : v);
    const label = document.createElement("label");
    label.innerHTML = `<span></span><input type="range" step="any"><input type="number" step="any">`;
    const [text, slider, number] = label.children;
    text.textContent = one.label || one.name;
    slider.name = name;
    number.name = `${name}.number`;
    slider.min = place(one.from);
    slider.max = place(one.to);
    slider.setAttribute("aria-label", text.textContent);
    const show = (v) => { slider.value = place(v); number.value = v; };
    show(value);
    slider.addEventListener("input", () => {
      const v = one.logarithmic ? 10 ** slider.valueAsNumber : slider.valueAsNumber;
      // Three digits of the slider's width, so that the code line is short.
      const step = 10 ** Math.floor(Math.log10(one.logarithmic ? v : one.to - one.from)) / 100;
      number.value = Number((Math.round(v / step) * step).toPrecision(10));
      if (!allowed(number.valueAsNumber)) number.value = v;
      set(number.valueAsNumber);
    });
    number.addEventListener("input", () => {
      const fine = allowed(number.valueAsNumber);
      number.setCustomValidity(fine ? "" : `allowed: ${one.allowed || "a number"}`);
      if (!fine) { number.reportValidity(); return; }
      slider.value = place(number.valueAsNumber);
      set(number.valueAsNumber);
    });
    return label;
  }

  function checkbox(name, text, checked, set) {
    const label = document.createElement("label");
    label.innerHTML = `<span></span><input type="checkbox">`;
    label.firstChild.textContent = text;
    label.lastChild.name = name;
    label.lastChild.checked = checked;
    label.lastChild.addEventListener("change", (event) => set(event.target.checked));
    return label;
  }

  function buildPanel(side) {
    const panel = root.querySelector(`.panel.${side}`);
    const { name, parameters } = state[side];
    const names = Object.keys(actx.activations);
    const options = (side === "a" ? names : [none, ...names]).map((one) => `<option${one === name ? " selected" : ""}>${one}</option>`);
    panel.innerHTML = `<label><span>${side.toUpperCase()}</span><select name="${side}">${options.join("")}</select></label>`;
    panel.querySelector("select").addEventListener("change", (event) => {
      state[side] = fresh(event.target.value);
      buildPanel(side);
      update();
    });
    if (name === none) return;
    const activation = actx.activations[name];
    activation.parameters.forEach((one, at) => {
      const set = (value) => { parameters[at] = value; update(); };
      const key = `${side}.${one.name}`;
      if (one.flag) { panel.append(checkbox(key, one.name, parameters[at], set)); return; }
      if (one.optional) {
        panel.append(checkbox(`${key}.given`, `${one.name} is given`, parameters[at] !== null, (given) => {
          parameters[at] = given ? one.to / 2 : null;
          buildPanel(side);
          update();
        }));
        if (parameters[at] === null) return;
      }
      panel.append(control(key, one, parameters[at], (value) => isAllowed(one, value), set));
    });
    panel.insertAdjacentHTML("beforeend", `${activation.formula}<p class="code"><code></code><button type="button">Copy</button></p>
      <p class="notes"></p>`);
    const page = `catalogue/${name}.html`;
    const notes = [`<a href="${page}">Page of ${name}</a>, with <a href="${page}#initialization">initial weights</a> and <a href="${page}#measured">measurements</a>`];
    if (activation.gated) notes.push("Gated: the curves are functions of the gate, for the value 1; in moments and distribution, value and gate are independent.");
    if (activation.stochastic) notes.push("Random in training; shown as in inference.");
    panel.querySelector(".notes").innerHTML = notes.join(" · ");
    panel.querySelector("button").addEventListener("click", (event) => copy(panel.querySelector("code"), event.target));
  }

  function buildCommon() {
    const place = root.querySelector(".common");
    place.innerHTML = "";
    for (const [key, one] of Object.entries(common)) {
      const allowed = (value) => Number.isFinite(value) && (key === "x" || value > 0);
      place.append(control(key, one, state[key], allowed, (value) => { state[key] = value; update(); }));
    }
  }

  async function copy(code, button) {
    try {
      await navigator.clipboard.writeText(code.textContent);
      button.textContent = "Copied";
    } catch { // not allowed: select it instead
      getSelection().selectAllChildren(code);
      button.textContent = "Selected";
    }
    setTimeout(() => { button.textContent = "Copy"; }, 1500);
  }

  const rows = [
    ["f(x)", (s) => s.at[0]],
    ["f′(x)", (s) => s.at[1]],
    ["f″(x)", (s) => s.at[2]],
    ["mean E[f(z)]", (s) => s.moments.mean],
    ["second moment E[f(z)²]", (s) => s.moments.second],
    ["variance of f(z)", (s) => s.moments.variance],
    ["second moment of the derivative E[f′(z)²]", (s) => s.moments.slope],
    ["gain 1 / √E[f(z)²]", (s) => s.moments.gain],
    ["gain for z ~ N(0, 1): the kernel's standard deviation is gain / √fan_in", (s) => s.unit.gain],
  ];

  let waiting = false;
  function update() {
    save();
    if (waiting) return;
    waiting = true;
    requestAnimationFrame(() => { waiting = false; draw(); });
  }

  function draw() {
    const { q, x, range } = state;
    const shown = sides.filter((side) => state[side].name !== none).map((side) => {
      const bound = actx.bound(state[side].name, state[side].parameters);
      const of = (one) => bound.values(one, 1).slice(0, 3);
      const breaks = actx.breaks((one) => bound.sides(one, 1), actx.grid(-range, range, 1001));
      const moments = actx.moments(bound, q);
      const text = written(state[side]);
      root.querySelector(`.panel.${side} .code code`).textContent = bound.gated
        ? `layer = keras_actx.layers.GatedLinearUnit("${text}")`
        : `layer = keras.layers.Dense(64, activation="${text}")`;
      return {
        name: side, title: text, at: of(x), moments,
        unit: q === 1 ? moments : actx.moments(bound, 1),
        curves: actx.curves(of, breaks, -range, range),
        outputs: actx.distribution(bound, q, 80),
      };
    });
    ["f", "f1", "f2"].forEach((id, at) => {
      const series = shown.map((one) => ({ name: one.name, lines: one.curves[at], points: Math.abs(x) <= range ? [[x, one.at[at]]] : [] }));
      actx.chart(root.querySelector(`svg.${id}`), series, [-range, range]);
    });
    const outputs = shown.map((one) => ({ name: one.name, ...one.outputs, stems: one.outputs.atoms }));
    const places = outputs.flatMap((one) => [...one.bars.flatMap(([y]) => [y, y + one.width]), ...one.stems.map(([y]) => y)]);
    let low = places.reduce((a, b) => Math.min(a, b)), high = places.reduce((a, b) => Math.max(a, b));
    const margin = 0.03 * (high - low) || 1;
    actx.chart(root.querySelector("svg.outputs"), outputs, [low - margin, high + margin]);
    const atoms = shown.flatMap((one) => one.outputs.atoms.map(([y, share]) => `${one.name.toUpperCase()}: ${Number(y.toPrecision(4))} with probability ${share.toFixed(3)}`));
    root.querySelector(".atoms").textContent = atoms.join("; ");
    const head = `<tr><th>number</th>${shown.map((one) => `<th class="${one.name}">${one.name.toUpperCase()}: ${one.title}</th>`).join("")}</tr>`;
    const cell = (value) => `<td data-number="${value}">${Number.isFinite(value) ? Number(value.toPrecision(7)) : "not finite"}</td>`;
    root.querySelector("table").innerHTML = head + rows.map(([text, of]) => `<tr><th>${text}</th>${shown.map((one) => cell(of(one))).join("")}</tr>`).join("");
    root.dataset.drawn = JSON.stringify([shown.map((one) => one.title), q, x, range]);
  }

  const figure = (name, text) => `<figure><figcaption>${text}</figcaption><svg class="${name}" role="img" aria-label="${text}"></svg></figure>`;
  root.innerHTML = `<p class="errors" role="alert"></p>
    <div class="charts first">${figure("f", "f")}${figure("f1", "f′")}</div>
    <div class="panels"><div class="panel a controls"></div><div class="panel b controls"></div></div>
    <div class="common controls"></div>
    <div class="charts">${figure("f2", "f″")}${figure("outputs", "density of f(z), z ~ N(0, q)")}</div>
    <p class="atoms"></p>
    <div class="numbers"><table class="values"></table></div>`;
  window.addEventListener("hashchange", load);
  load();
})();
