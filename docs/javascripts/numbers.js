// What the explorer shows of an activation, from the functions in explorer/formulas.js: breaks, curves, moments and the
// distribution of outputs.
"use strict";

// The functions of an activation with its parameters, a list in declared order (numbers, true, false or null).
actx.bound = function (name, parameters) {
  const activation = actx.activations[name];
  const key = activation.parameters
    .map((one, at) => [one, parameters[at]])
    .filter(([one, value]) => one.flag || (one.optional && value === null))
    .map(([one, value]) => `${one.name}=${value}`)
    .join(",");
  const form = activation.forms[key];
  return {
    gated: activation.gated,
    // [f, f', f''] at x; of a gated activation at the gate x and the value v, and then the derivative by v.
    values: (x, v) => form.values(x, v, parameters),
    sides: (x, v) => form.sides(x, v, parameters),
  };
};

// Where `sides`, a function of x, changes between the given increasing points: there, f may have a kink or a jump.
actx.breaks = function (sides, points) {
  const found = [];
  const search = (low, atLow, high, atHigh) => {
    if (atLow.every((one, at) => one === atHigh[at])) return;
    const middle = low + (high - low) / 2;
    if (high - low < 1e-18 || middle <= low || middle >= high) {
      found.push(Math.abs(low) < Math.abs(high) ? low : high);
      return;
    }
    const atMiddle = sides(middle);
    search(low, atLow, middle, atMiddle);
    search(middle, atMiddle, high, atHigh);
  };
  let before = points[0], atBefore = sides(before);
  for (const one of points.slice(1)) {
    const at = sides(one);
    search(before, atBefore, one, at);
    [before, atBefore] = [one, at];
  }
  return found;
};

actx.grid = (low, high, count) => Array.from({ length: count + 1 }, (_, at) => low + ((high - low) * at) / count);

// Lines of points [x, y] of each result of `values`, a function of x that returns several; a jump starts a new line.
actx.curves = function (values, breaks, low, high) {
  const gap = 1e-9 * (high - low);
  const inside = breaks.filter((one) => low + gap < one && one < high - gap);
  const ends = [low, ...inside, high];
  const curves = values(low).map(() => []);
  for (let part = 0; part + 1 < ends.length; part++) {
    const count = Math.max(8, Math.round((600 * (ends[part + 1] - ends[part])) / (high - low)));
    const from = ends[part] + (part > 0 ? gap : 0);
    const to = ends[part + 1] - (part + 2 < ends.length ? gap : 0);
    const points = actx.grid(from, to, count).map((x) => [x, values(x)]);
    curves.forEach((lines, at) => {
      const line = points.map(([x, y]) => [x, y[at]]).filter(([, y]) => Number.isFinite(y));
      const last = lines.length ? lines[lines.length - 1] : [];
      const joins = last.length && line.length && Math.abs(last[last.length - 1][1] - line[0][1]) < 1e-5;
      if (joins) last.push(...line);
      else if (line.length) lines.push(line);
    });
  }
  return curves;
};

// The integrals of the results of `values`, a function of x that returns several, against the density of N(0, q).
actx.expectations = function (values, sides, q) {
  const deviation = Math.sqrt(q), reach = 16.5;
  // A kink that is smoothed within a width far below a panel is at 0.
  const near = Array.from({ length: 11 }, (_, power) => 0.37 * 10 ** -power);
  const start = [...actx.grid(-reach, reach, 88), ...near, ...near.map((one) => -one)].sort((a, b) => a - b);
  const scan = actx.grid(-reach * deviation, reach * deviation, 4001);
  const breaks = actx.breaks(sides, scan).map((one) => one / deviation);
  const ends = [...new Set([...start, ...breaks])].sort((a, b) => a - b);
  const panel = (low, high) => {
    const half = (high - low) / 2, middle = (high + low) / 2;
    let sums = null;
    actx.legendre.nodes.forEach((node, at) => {
      const z = middle + half * node;
      const weight = (actx.legendre.weights[at] * half * Math.exp((-z * z) / 2)) / Math.sqrt(2 * Math.PI);
      const found = values(z * deviation);
      sums = sums ? sums.map((one, place) => one + weight * found[place]) : found.map((one) => weight * one);
    });
    return sums;
  };
  const add = (a, b) => a.map((one, at) => one + b[at]);
  const panels = ends.slice(1).map((high, at) => [ends[at], high, panel(ends[at], high)]);
  const scale = panels.map(([, , sums]) => sums.map(Math.abs)).reduce(add);
  const refined = ([low, high, whole], depth) => {
    const middle = (low + high) / 2;
    const halves = [[low, middle, panel(low, middle)], [middle, high, panel(middle, high)]];
    const both = add(halves[0][2], halves[1][2]);
    const settled = both.every((one, at) => !(Math.abs(one - whole[at]) > 1e-14 * scale[at]));
    return settled || depth === 40 ? both : add(...halves.map((one) => refined(one, depth + 1)));
  };
  return panels.map((one) => refined(one, 0)).reduce(add);
};

// The moments of f(z) for z ~ N(0, q). Value and gate of a gated activation, a product, are independent.
actx.moments = function (bound, q) {
  const powers = (value, slope) => [value, value * value, slope * slope];
  let found;
  if (bound.gated) {
    const points = [-2, -0.75, 0.5, 1, 2.5, 9];
    const size = ([v, x]) => Math.abs(bound.values(x, v)[0]);
    const [v, x] = points.flatMap((a) => points.map((b) => [a, b])).reduce((a, b) => (size(b) > size(a) ? b : a));
    const unit = bound.values(x, v)[0];
    const ofGate = (one) => { const y = bound.values(one, v); return powers(y[0] / unit, y[1] / unit); };
    const ofValue = (one) => { const y = bound.values(x, one); return powers(y[0], y[3]); };
    const g = actx.expectations(ofGate, (one) => bound.sides(one, v), q);
    const w = actx.expectations(ofValue, (one) => bound.sides(x, one), q);
    found = [g[0] * w[0], g[1] * w[1], g[1] * w[2] + g[2] * w[1]];
  } else {
    const of = (x) => { const y = bound.values(x); return powers(y[0], y[1]); };
    found = actx.expectations(of, bound.sides, q);
  }
  const [mean, second, slope] = found;
  return { mean, second, variance: second - mean * mean, slope, gain: 1 / Math.sqrt(second) };
};

// The distribution of f(z) for z ~ N(0, q): values with a probability of their own, and the density of the others.
actx.distribution = function (bound, q, count) {
  const deviation = Math.sqrt(q);
  const weighted = (cells) => actx.grid(-6 + 6 / cells, 6 - 6 / cells, cells - 1).map((z) => [z * deviation, Math.exp((-z * z) / 2)]);
  let outputs;
  if (bound.gated) {
    const cells = weighted(240);
    outputs = cells.flatMap(([v, a]) => cells.map(([x, b]) => [bound.values(x, v)[0], a * b]));
  } else outputs = weighted(12000).map(([x, weight]) => [bound.values(x)[0], weight]);
  outputs = outputs.filter(([y]) => Number.isFinite(y)).sort((a, b) => a[0] - b[0]);
  const total = outputs.reduce((sum, [, weight]) => sum + weight, 0);
  // Equal outputs of neighbouring cells: a constant piece of f.
  const atoms = [], others = [];
  for (let at = 0, next; at < outputs.length; at = next) {
    let weight = 0;
    for (next = at; next < outputs.length && outputs[next][0] === outputs[at][0]; next++) weight += outputs[next][1];
    if (next - at > 4 && weight > 1e-3 * total) atoms.push([outputs[at][0], weight / total]);
    else others.push([outputs[at][0], weight / total]);
  }
  let passed = 0;
  const rest = others.reduce((sum, [, weight]) => sum + weight, 0);
  const quantile = (part) => { passed = 0; return others.find(([, weight]) => (passed += weight) >= part * rest)[0]; };
  if (!others.length) return { atoms, bars: [] };
  const low = quantile(0.002), high = quantile(0.998);
  const width = (high - low) / count || 1;
  const bars = Array.from({ length: count }, (_, at) => [low + at * width, 0]);
  for (const [y, weight] of others) {
    const at = Math.floor((y - low) / width);
    if (at >= 0 && at < count) bars[at][1] += weight / width;
  }
  return { atoms, bars, width };
};
