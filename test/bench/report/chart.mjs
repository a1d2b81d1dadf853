import { machineLine } from '../machine.mjs';

const WIDTH = 1000;
const MARGIN = 20;
const BESIDE_AT = 300;
const PLOT_AT = 575;
const PLOT_END = 920;
const ROW = 19;
const BAR = 11;
const HEAD = 92;
const FOOT = 42;
const PART_GAP = 32;
const TICKS = [0.01, 0.1, 1, 10, 100, 1_000];
const RATES = new Set(['/s', 'MB/s']);

/** Light by itself, for what knows no media queries, and on a card of its own, so that any page can be behind it. */
const STYLE = `
  text { font: 12px system-ui, 'Segoe UI', 'DejaVu Sans', sans-serif; fill: #1f2328 }
  .title { font-size: 16px; font-weight: 600 } .part { font-weight: 600 } .quiet { fill: #59636e }
  .card { fill: #ffffff; stroke: #d1d9e0 } .grid { stroke: #e4e8ec } .one { stroke: #59636e }
  .engine { fill: #0969da } .bare { fill: #bc6c00 }
  .target { stroke: #1f2328; stroke-width: 2 }
  @media (prefers-color-scheme: dark) {
    text { fill: #e6edf3 } .quiet { fill: #9198a1 } .card { fill: #0d1117; stroke: #3d444d }
    .grid { stroke: #262c34 } .one { stroke: #9198a1 } .engine { fill: #4493f8 } .bare { fill: #e09b3d }
    .target { stroke: #e6edf3 }
  }`;

/** How many times as quick as each other way, as bars from a line on which both are alike. An SVG document. */
export function chart({ machine, startedAt, parts }) {
  const shown = parts.map((part) => ({ ...part, rows: rowsOf(part) })).filter(({ rows }) => rows.length > 0);
  const all = shown.flatMap(({ rows }) => rows);
  const scale = scaleOf(all.map(({ speed }) => speed));
  let y = HEAD;
  const body = [];
  for (const { title, rows } of shown) {
    body.push(label(MARGIN, y, title, 'part'));
    y += ROW + 3;
    for (const row of rows) {
      body.push(drawn(row, y, scale));
      y += ROW;
    }
    y += PART_GAP - ROW;
  }
  const height = y + FOOT - PART_GAP + ROW;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" width="${WIDTH}" height="${height}" role="img">`,
    `<title>How many times as quick as the engine's own ways and as no container at all</title>`,
    `<style>${STYLE}</style>`,
    `<rect class="card" x="0.5" y="0.5" width="${WIDTH - 1}" height="${height - 1}" rx="8"/>`,
    label(MARGIN, 30, 'How many times as quick', 'title'),
    ...legend(),
    ...grid(scale, height),
    ...body,
    label(MARGIN, height - 16, `${startedAt.slice(0, 10)}: ${machineLine(machine)}`, 'quiet'),
    '</svg>\n',
  ].join('\n');
}

/** A row for each comparison of times or rates. */
function rowsOf({ figures }) {
  return figures.flatMap(({ name, unit, beside }) =>
    beside
      .filter(({ ratio }) => (unit === 'ms' || RATES.has(unit)) && Number.isFinite(ratio) && ratio > 0)
      .filter(({ name }) => isEngine(name) || isBare(name))
      .map((other, index) => {
        // Less of the time is quicker, more of a rate is.
        const asSpeed = (ratio) => (other.kind === 'sooner' || RATES.has(unit) ? ratio : 1 / ratio);
        return {
          name: index === 0 ? name : '',
          beside: other.name,
          speed: asSpeed(other.ratio),
          targets: other.targets.map(({ limit }) => asSpeed(limit)),
          kind: isEngine(other.name) ? 'engine' : 'bare',
        };
      }),
  );
}

const isEngine = (name) => name.startsWith('docker');
const isBare = (name) => /\bbare\b|spawned/.test(name);

function scaleOf(speeds) {
  const low = Math.log10(Math.min(0.3, ...speeds));
  const high = Math.log10(Math.max(10, ...speeds));
  const x = (speed) => PLOT_AT + ((Math.log10(speed) - low) / (high - low)) * (PLOT_END - PLOT_AT);
  return { x, ticks: TICKS.filter((tick) => Math.log10(tick) >= low && Math.log10(tick) <= high) };
}

function drawn({ name, beside, speed, targets, kind }, y, { x }) {
  const [from, to] = [x(1), x(speed)].sort((a, b) => a - b);
  const middle = y - 4;
  return [
    label(MARGIN, y, name),
    label(BESIDE_AT, y, beside, 'quiet'),
    `<rect class="${kind}" x="${at(from)}" y="${at(middle - BAR / 2)}" width="${at(Math.max(1, to - from))}" height="${BAR}" rx="2"/>`,
    ...targets.map((target) => `<path class="target" d="M${at(x(target))} ${at(middle - BAR / 2 - 3)}v${BAR + 6}"/>`),
    label(Math.max(to, ...targets.map(x)) + 6, y, inWords(speed)),
  ].join('\n');
}

function grid({ x, ticks }, height) {
  return ticks.flatMap((tick) => [
    `<path class="${tick === 1 ? 'one' : 'grid'}" d="M${at(x(tick))} ${HEAD - 12}V${height - FOOT}"/>`,
    `<text class="quiet" x="${at(x(tick))}" y="${HEAD - 20}" text-anchor="middle">${tick} ×</text>`,
  ]);
}

function legend() {
  return [
    `<rect class="engine" x="${MARGIN}" y="43" width="11" height="11" rx="2"/>`,
    label(MARGIN + 18, 53, "as the engine's own way", 'quiet'),
    `<rect class="bare" x="${MARGIN + 190}" y="43" width="11" height="11" rx="2"/>`,
    label(MARGIN + 208, 53, 'as a bare program', 'quiet'),
    `<path class="target" d="M${MARGIN + 345} 41v15"/>`,
    label(MARGIN + 354, 53, 'at least so many are wanted', 'quiet'),
  ];
}

function label(x, y, text, kind = '') {
  const escaped = text.replaceAll('&', '&amp;').replaceAll('<', '&lt;');
  return `<text${kind && ` class="${kind}"`} x="${at(x)}" y="${y}">${escaped}</text>`;
}

function inWords(speed) {
  return `${speed < 1 ? speed.toFixed(2) : speed < 10 ? speed.toFixed(1) : speed.toFixed(0)} ×`;
}

const at = (value) => value.toFixed(1);
