// A line plot as SVG text: logarithmic x axis, linear y axis from 0, a band between the quartiles of each line.
import { scaleLinear, scaleLog } from 'd3-scale';
import type { Summary } from './statistics.ts';

export interface Line {
  readonly name: string;
  readonly points: readonly { readonly x: number; readonly y: Summary }[];
}

export interface PlotText {
  readonly title: string;
  readonly x: string;
  readonly y: string;
}

const WIDTH = 720;
const HEIGHT = 420;
const EDGE = { top: 48, right: 96, bottom: 52, left: 72 };
/** Told apart by people who do not see all colours, too (Okabe and Ito). */
const COLOURS = ['#0072b2', '#d55e00', '#009e73', '#cc79a7'];

/** Throws RangeError when no line has a point: there is nothing to scale to. */
export function linePlot(lines: readonly Line[], text: PlotText): string {
  const points = lines.flatMap((line) => line.points);
  if (points.length === 0) throw new RangeError(`${text.title}: no points to plot`);
  const xs = points.map(({ x }) => x);
  const x = scaleLog().base(2).domain([Math.min(...xs), Math.max(...xs)]).range([EDGE.left, WIDTH - EDGE.right]);
  const y = scaleLinear().domain([0, Math.max(...points.map((point) => point.y.high))]).nice().range([HEIGHT - EDGE.bottom, EDGE.top]);
  const ticks = y.ticks(6).map((tick) => `<line x1="${EDGE.left}" x2="${WIDTH - EDGE.right}" y1="${at(y(tick))}" y2="${at(y(tick))}" stroke="#ddd"/><text x="${EDGE.left - 8}" y="${at(y(tick) + 4)}" text-anchor="end">${tick.toLocaleString('en')}</text>`);
  const marks = [...new Set(xs)].map((value) => `<text x="${at(x(value))}" y="${HEIGHT - EDGE.bottom + 18}" text-anchor="middle">${value.toLocaleString('en')}</text>`);
  const drawn = lines.map((line, index) => {
    const colour = COLOURS[index % COLOURS.length] ?? 'black';
    const path = (height: (point: Line['points'][number]) => number, from = line.points) => from.map((point) => `${at(x(point.x))},${at(y(height(point)))}`).join(' ');
    const band = `${path((point) => point.y.high)} ${path((point) => point.y.low, line.points.toReversed())}`;
    const last = line.points.at(-1);
    const name = last === undefined ? '' : `<text x="${at(x(last.x) + 8)}" y="${at(y(last.y.median) + 4)}" fill="${colour}">${escaped(line.name)}</text>`;
    const dots = line.points.map((point) => `<circle cx="${at(x(point.x))}" cy="${at(y(point.y.median))}" r="3" fill="${colour}"/>`);
    return `<polygon points="${band}" fill="${colour}" fill-opacity="0.15"/><polyline points="${path((point) => point.y.median)}" fill="none" stroke="${colour}" stroke-width="2"/>${dots.join('')}${name}`;
  });
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${WIDTH} ${HEIGHT}" font-family="sans-serif" font-size="12">`,
    `<rect width="${WIDTH}" height="${HEIGHT}" fill="white"/>`,
    `<text x="${EDGE.left}" y="24" font-size="15">${escaped(text.title)}</text>`,
    `<text x="${EDGE.left}" y="40" fill="#555">${escaped(text.y)}</text>`,
    ...ticks,
    ...marks,
    `<text x="${(EDGE.left + WIDTH - EDGE.right) / 2}" y="${HEIGHT - 14}" text-anchor="middle" fill="#555">${escaped(text.x)}</text>`,
    ...drawn,
    '</svg>',
    '',
  ].join('\n');
}

function at(pixels: number): string {
  return pixels.toFixed(1);
}

function escaped(text: string): string {
  return text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
}
