// A chart of lines, bars and stems as SVG.
"use strict";

// Five or so round numbers from low to high.
actx.ticks = function (low, high) {
  const rough = (high - low) / 5;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((one) => one * power).find((one) => one >= rough);
  const first = Math.ceil(low / step - 1e-9), last = Math.floor(high / step + 1e-9);
  return Array.from({ length: last - first + 1 }, (_, at) => Number(((first + at) * step).toPrecision(6)));
};

// Draws into an <svg>; each of the series has a class, and lines, points, bars or stems.
actx.chart = function (svg, series, x) {
  const width = 400, height = 240, left = 46, right = 8, top = 8, bottom = 24;
  const heights = series.flatMap((one) => [
    ...(one.lines || []).flat().map(([, y]) => y),
    ...(one.bars || []).map(([, y]) => y),
    ...(one.stems || []).map(() => 0),
  ]);
  let low = heights.length ? heights.reduce((a, b) => Math.min(a, b)) : 0;
  let high = heights.length ? heights.reduce((a, b) => Math.max(a, b)) : 1;
  if (!(high - low > 1e-12 * Math.max(Math.abs(low), Math.abs(high), 1e-300))) [low, high] = [low - 1, high + 1];
  const margin = 0.05 * (high - low);
  [low, high] = [series.some((one) => one.bars) ? 0 : low - margin, high + margin];
  const across = (one) => (left + ((one - x[0]) / (x[1] - x[0])) * (width - left - right)).toFixed(2);
  const down = (one) => (height - bottom - ((one - low) / (high - low)) * (height - top - bottom)).toFixed(2);
  const parts = [];
  for (const one of actx.ticks(x[0], x[1])) {
    parts.push(`<path class="${one === 0 ? "axis" : "grid"}" d="M${across(one)} ${top}V${height - bottom}"/>`);
    parts.push(`<text x="${across(one)}" y="${height - 8}" text-anchor="middle">${one}</text>`);
  }
  for (const one of actx.ticks(low, high)) {
    parts.push(`<path class="${one === 0 ? "axis" : "grid"}" d="M${left} ${down(one)}H${width - right}"/>`);
    const text = Math.abs(one) >= 1e4 || (one !== 0 && Math.abs(one) < 1e-3) ? one.toExponential() : one;
    parts.push(`<text x="${left - 5}" y="${Number(down(one)) + 4}" text-anchor="end">${text}</text>`);
  }
  for (const one of series) {
    const paths = (one.lines || []).map((line) => "M" + line.map(([a, y]) => `${across(a)} ${down(y)}`).join("L"));
    if (paths.length) parts.push(`<path class="line ${one.name}" d="${paths.join("")}"/>`);
    if ((one.bars || []).length) {
      const steps = one.bars.map(([a, y]) => `V${down(y)}H${across(a + one.width)}`).join("");
      parts.push(`<path class="area ${one.name}" d="M${across(one.bars[0][0])} ${down(0)}${steps}V${down(0)}Z"/>`);
    }
    for (const [a, share] of one.stems || []) {
      const tip = down(low + share * (high - low) * 0.95);
      parts.push(`<path class="line ${one.name}" d="M${across(a)} ${down(0)}V${tip}"/>`);
      parts.push(`<circle class="${one.name}" cx="${across(a)}" cy="${tip}" r="4"/>`);
    }
    for (const [a, y] of one.points || []) {
      if (Number.isFinite(y)) parts.push(`<circle class="${one.name}" cx="${across(a)}" cy="${down(y)}" r="4"/>`);
    }
  }
  svg.setAttribute("viewBox", `0 0 ${width} ${height}`);
  svg.innerHTML = parts.join("");
};
