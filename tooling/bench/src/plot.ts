// Line plots as SVG text: logarithmic x axis, y axis linear from 0 or logarithmic, a band between the quartiles of each line.
import { scaleLinear, scaleLog } from 'd3-scale';
import type { Summary } from './statistics.ts';

export interface Line {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: Summary }[];
  /** Where there is no value, as it took too long: a triangle at the upper edge. */
  readonly unfinished?: readonly number[];
}

export interface PlotText {
  readonly title: string;
  readonly x: string;
  readonly y: string;
  /** The y axis, over whole powers of ten; linear from 0 unless said. */
  readonly logarithmic?: boolean;
}

export interface Plot {
  readonly lines: readonly Line[];
  readonly text: PlotText;
}

const WIDTH = 720;
const HEIGHT = 420;
const EDGE = { top: 48, right: 96, bottom: 52, left: 72 };
/** Told apart by people who do not see all colours, too (Okabe and Ito). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7'];

/** Throws RangeError when no line has a point: there is nothing to scale to. */
export function linePlot(lines: readonly Line[], text: PlotText): string {
  return stackedPlots([{ lines, text }]);
}

/** Plots of the same size below one another. Throws RangeError as {@link linePlot}. */
export function stackedPlots(plots: readonly Plot[]): string {
  const height = HEIGHT * plots.length;
  const [first, ...rest] = plots.map(({ lines, text }) => contents(lines, text));
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${height}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${height}" fill="white"/>`,
    ...(first ?? []),
    ...rest.flatMap((each, index) => [`<g transform="translate(0 ${HEIGHT * (index + 1)})">`, ...each, '</g>']),
    '</svg>',
    '',
  ].join('\n');
}

function contents(lines: readonly Line[], text: PlotText): string[] {
  const points = lines.flatMap((line) => line.points);
  if (points.length === 0) throw new RangeError(`${text.title}: no points to plot`);
  const xs = lines.flatMap((line) => [...line.points.map(({ x }) => x), ...(line.unfinished ?? [])]);
  const x = scaleLog().base(2).domain([Math.min(...xs), Math.max(...xs)]).range([EDGE.left, WIDTH - EDGE.right]);
  const { y, grid } = height(points.map((point) => point.y), text.logarithmic === true);
  const ticks = grid.map((tick) => `<line x1="${EDGE.left}" x2="${WIDTH - EDGE.right}" y1="${at(y(tick))}" y2="${at(y(tick))}" stroke="#ddd"/><text x="${EDGE.left - 8}" y="${at(y(tick) + 4)}" text-anchor="end">${tick.toLocaleString('en')}</text>`);
  const marks = [...new Set(xs)].map((value) => `<text x="${at(x(value))}" y="${HEIGHT - EDGE.bottom + 18}" text-anchor="middle">${value.toLocaleString('en')}</text>`);
  const beside = apart(lines.flatMap((line) => line.points.slice(-1).map((last) => ({ line, x: x(last.x), y: y(last.y.median) }))));
  const drawn = lines.map((line, index) => {
    const colour = COLOURS[index % COLOURS.length] ?? 'black';
    const path = (height: (point: Line['points'][number]) => number, from = line.points) => from.map((point) => `${at(x(point.x))},${at(y(height(point)))}`).join(' ');
    const band = `${path((point) => point.y.high)} ${path((point) => point.y.low, line.points.toReversed())}`;
    const last = line.points.at(-1);
    const name = last === undefined ? '' : `<text x="${at(x(last.x) + 8)}" y="${at((beside.get(line) ?? 0) + 4)}" fill="${colour}">${escaped(line.name)}</text>`;
    const dots = line.points.map((point) => `<circle cx="${at(x(point.x))}" cy="${at(y(point.y.median))}" r="3" fill="${colour}"/>`);
    // Next to one another where several lines have one.
    const before = (value: number) => lines.slice(0, index).filter((other) => other.unfinished?.includes(value) === true).length;
    const unfinished = (line.unfinished ?? []).map((value) => triangle(x(value) - before(value) * 14, colour));
    return `<polygon points="${band}" fill="${colour}" fill-opacity="0.15"/><polyline points="${path((point) => point.y.median)}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join('')}${name}${unfinished.join('')}`;
  });
  return [
    `<text x="${EDGE.left}" y="24" font-size="15">${escaped(text.title)}</text>`,
    `<text x="${EDGE.left}" y="40" fill="#555">${escaped(text.y)}</text>`,
    ...ticks,
    ...marks,
    `<text x="${(EDGE.left + WIDTH - EDGE.right) / 2}" y="${HEIGHT - 14}" text-anchor="middle" fill="#555">${escaped(text.x)}</text>`,
    ...drawn,
  ];
}

function height(values: readonly Summary[], logarithmic: boolean) {
  const range = [HEIGHT - EDGE.bottom, EDGE.top];
  if (!logarithmic) {
    const y = scaleLinear().domain([0, Math.max(...values.map(({ high }) => high))]).nice().range(range);
    return { y, grid: y.ticks(6) };
  }
  const [low, high] = [Math.min(...values.map((value) => value.low)), Math.max(...values.map((value) => value.high))];
  const first = Math.floor(Math.log10(low));
  const last = Math.max(Math.ceil(Math.log10(high)), first + 1);
  const grid = Array.from({ length: last - first + 1 }, (_, power) => 10 ** (first + power));
  return { y: scaleLog().domain([10 ** first, 10 ** last]).range(range), grid };
}

/** Where the names of lines go: beside their last points, or as far below as not to lie on another's. */
function apart(names: readonly { readonly line: Line; readonly x: number; readonly y: number }[]): ReadonlyMap<Line, number> {
  const placed = new Map<Line, number>();
  const lowest = new Map<number, number>();
  for (const { line, x, y } of names.toSorted((a, b) => a.y - b.y)) {
    const free = Math.max(y, (lowest.get(x) ?? -Infinity) + 13);
    lowest.set(x, free);
    placed.set(line, free);
  }
  return placed;
}

function triangle(x: number, colour: string): string {
  return `<polygon points="${at(x - 5)},${EDGE.top + 9} ${at(x + 5)},${EDGE.top + 9} ${at(x)},${EDGE.top}" fill="white" stroke="${colour}" stroke-width="1.5"/>`;
}

function at(pixels: number): string {
  return pixels.toFixed(1);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
