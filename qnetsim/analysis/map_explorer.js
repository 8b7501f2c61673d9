// The map of a report: choose a policy and a time, and a fibre to see its keys over time.
// It reads the data beside it, loads nothing, and stays hidden where scripts do not run.

const section = document.getElementById("map-explorer");
const data = JSON.parse(document.getElementById("map-data").textContent);
const bins = data.edges_s.length - 1;
const state = { policy: data.first, bin: -1, fibre: 0 };

// colours from nothing to all consumed, as red, green and blue
const RAMP = data.ramp.map((hex) => [1, 3, 5].map((at) => parseInt(hex.slice(at, at + 2), 16)));
const LINES = [["#3b7fb5", ""], ["#e08a2c", "5 3"], ["#1b9e77", "2 2"], ["#b0609a", "8 3 2 3"]];
const CHART = { width: 640, height: 190, left: 70, right: 10, top: 12, bottom: 34 };

function make(name, attributes, parent, text) {
  const found = document.createElementNS("http://www.w3.org/2000/svg", name);
  for (const [key, value] of Object.entries(attributes)) found.setAttribute(key, value);
  if (text !== undefined) found.textContent = text;
  if (parent) parent.append(found);
  return found;
}

function colour(share) {
  const place = Math.min(Math.max(share, 0), 1) * (RAMP.length - 1);
  const low = Math.min(Math.floor(place), RAMP.length - 2);
  const mixed = RAMP[low].map((v, i) => Math.round(v + (RAMP[low + 1][i] - v) * (place - low)));
  return `rgb(${mixed.join(",")})`;
}

function bits(value) {
  const power = value > 0 ? Math.min(Math.max(Math.floor(Math.log10(value) / 3), 0), 5) : 0;
  const unit = ["bit", "kbit", "Mbit", "Gbit", "Tbit", "Pbit"][power];
  return `${+(value / 1000 ** power).toPrecision(3)} ${unit}`;
}

// Mean of a series in the chosen time, in bit in a slot.
function value(series, fibre) {
  const parts = data.parts[state.policy][series][fibre];
  if (state.bin >= 0) return parts[state.bin] * data.scale_bits[fibre];
  let sum = 0;
  parts.forEach((part, i) => { sum += part * (data.edges_s[i + 1] - data.edges_s[i]); });
  return sum / (data.edges_s[bins] - data.edges_s[0]) * data.scale_bits[fibre];
}

function fibreName(fibre) {
  const ends = data.fibres[fibre].map((node) => data.names[node]).join("–");
  const own = data.fibre_labels?.[fibre];
  return own ? `${ends} (${own})` : ends;
}

function timeText() {
  const [from, to] = state.bin < 0
    ? [data.edges_s[0], data.edges_s[bins]]
    : [data.edges_s[state.bin], data.edges_s[state.bin + 1]];
  return `${state.bin < 0 ? "whole run, " : ""}${+from.toPrecision(6)} to ${+to.toPrecision(6)} s`;
}

const map = section.querySelector("[data-map]");
const chart = section.querySelector("[data-chart]");
const said = section.querySelector("[data-said]");
const time = section.querySelector("[data-time]");
const policyChoice = section.querySelector("[name=map-policy]");
const binChoice = section.querySelector("[name=map-time]");
const fibreChoice = section.querySelector("[name=map-fibre]");

const picture = make("svg", { viewBox: `0 0 ${data.size[0]} ${data.size[1]}` }, map);
const drawn = data.fibres.map(([a, b], fibre) => {
  // parallel fibres have lines of their own, side by side
  const [x1, y1, x2, y2] = data.lines?.[fibre] ?? [...data.nodes[a], ...data.nodes[b]];
  const group = make("g", { "data-fibre": fibre }, picture);
  const title = make("title", {}, group);
  // a line that is wide enough to be hit
  make("line", { x1, y1, x2, y2, stroke: "transparent", "stroke-width": 14 }, group);
  const halo = make("line", { x1, y1, x2, y2, stroke: "currentColor" }, group);
  const line = make("line", { x1, y1, x2, y2 }, group);
  group.addEventListener("click", () => { state.fibre = fibre; show(); });
  return { title, halo, line };
});
for (const [x, y] of data.nodes) make("circle", { cx: x, cy: y, r: 3.5, fill: "currentColor" }, picture);
for (const [node, x, y] of data.labels) {
  make("text", { x, y, fill: "currentColor", "font-size": 11 }, picture, data.names[node]);
}

function showMap() {
  drawn.forEach(({ title, halo, line }, fibre) => {
    const made = value(0, fibre);
    const share = made > 0 ? value(1, fibre) / made : 0;
    line.setAttribute("stroke", made > 0 ? colour(share) : "#8c8c8c");
    line.setAttribute("stroke-width", made > 0 ? 4 : 1.5);
    line.setAttribute("stroke-dasharray", made > 0 ? "none" : "5 4");
    halo.setAttribute("stroke-width", fibre === state.fibre ? 8 : 0);
    halo.setAttribute("opacity", 0.45);
    title.textContent = `${fibreName(fibre)}: `
      + (made > 0 ? `${Math.round(100 * share)} % of the keys consumed` : "made no keys");
  });
}

function showChart() {
  const { width, height, left, right, top, bottom } = CHART;
  const rows = data.parts[state.policy].map((series) => series[state.fibre]);
  const most = Math.max(1, ...rows.flat());
  const [start, end] = [data.edges_s[0], data.edges_s[bins]];
  const x = (s) => left + (s - start) / (end - start) * (width - left - right);
  const y = (part) => height - bottom - part / most * (height - top - bottom);
  chart.replaceChildren();
  const sheet = make("svg", { viewBox: `0 0 ${width} ${height}` }, chart);
  if (state.bin >= 0) {
    const [a, b] = [x(data.edges_s[state.bin]), x(data.edges_s[state.bin + 1])];
    const look = { fill: "currentColor", opacity: 0.12 };
    make("rect", { x: a, y: top, width: b - a, height: height - top - bottom, ...look }, sheet);
  }
  make("path", {
    d: `M${left} ${top}V${height - bottom}H${width - right}`, fill: "none", stroke: "currentColor",
  }, sheet);
  rows.forEach((row, i) => {
    const steps = row.map((part, bin) => `${bin ? "V" : `M${x(start)} `}${y(part)}H${x(data.edges_s[bin + 1])}`);
    const [stroke, dashes] = LINES[i];
    const look = { fill: "none", stroke, "stroke-width": 1.8, "stroke-dasharray": dashes || "none" };
    make("path", { d: steps.join(""), ...look }, sheet);
    const across = left + i * 145;
    make("path", { d: `M${across} ${height - 6}h22`, ...look }, sheet);
    make("text", { x: across + 26, y: height - 2, fill: "currentColor", "font-size": 10 }, sheet, data.series[i]);
  });
  const ticks = { fill: "currentColor", "font-size": 11 };
  const scale = data.scale_bits[state.fibre];
  make("text", { x: left - 5, y: top + 8, "text-anchor": "end", ...ticks }, sheet, bits(most * scale));
  make("text", { x: left - 5, y: height - bottom, "text-anchor": "end", ...ticks }, sheet, "0");
  make("text", { x: left, y: height - bottom + 13, ...ticks }, sheet, `${+start.toPrecision(6)} s`);
  make("text", { x: width - right, y: height - bottom + 13, "text-anchor": "end", ...ticks }, sheet, `${+end.toPrecision(6)} s`);
}

function show() {
  policyChoice.value = state.policy;
  binChoice.value = state.bin + 1;
  binChoice.setAttribute("aria-valuetext", timeText());
  fibreChoice.value = state.fibre;
  time.textContent = timeText();
  showMap();
  showChart();
  const parts = data.series.map((name, i) => `${name} ${bits(value(i, state.fibre))}`);
  said.textContent = `${fibreName(state.fibre)}, ${data.policies[state.policy]}, ${timeText()}; `
    + `mean of a slot: ${parts.join(", ")}.`;
}

data.policies.forEach((name, i) => policyChoice.add(new Option(name, i)));
data.fibres.forEach((_, i) => fibreChoice.add(new Option(fibreName(i), i)));
binChoice.max = bins;
policyChoice.addEventListener("change", () => { state.policy = +policyChoice.value; show(); });
binChoice.addEventListener("input", () => { state.bin = binChoice.value - 1; show(); });
fibreChoice.addEventListener("change", () => { state.fibre = +fibreChoice.value; show(); });
section.hidden = false;
show();
