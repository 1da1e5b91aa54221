// A sequence as SVG that any viewer shows: no fonts to fetch, no style sheets. Lanes on the left, what was done on the right
// of them, so that long lines stay readable.
import { agentsOf } from './sequence.ts';
import type { Sequence, SequenceStep } from './sequence.ts';

/** Pixels. A character of the monospaced font is about 0.6 of its size wide. */
const FONT = 12;
const CHARACTER = FONT * 0.6;
const ROW = 18;
const MARGIN = 16;
const LANE_GAP = 18;

interface Layout {
  readonly agents: readonly string[];
  /** Middle of each lane. */
  readonly lanes: readonly number[];
  /** Where numbers end, lanes begin and texts begin. */
  readonly numbers: number;
  readonly texts: number;
  readonly width: number;
  readonly height: number;
  readonly top: number;
}

/** One `<svg>` element as text. Numbers of steps are those of {@link Sequence.steps}, from 1. */
export function svg(sequence: Sequence): string {
  const layout = layOut(sequence);
  const { width, height } = layout;
  return [
    `<svg xmlns="http://www.w3.org/2000/svg" width="${width}" height="${height}" viewBox="0 0 ${width} ${height}" font-family="monospace" font-size="${FONT}">`,
    '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="8" markerHeight="8" orient="auto"><path d="M0,0 L8,4 L0,8 z" fill="#1f4e9e"/></marker></defs>',
    `<rect width="${width}" height="${height}" fill="#ffffff"/>`,
    ...(sequence.title === undefined ? [] : [`<text x="${MARGIN}" y="${MARGIN + FONT}" font-weight="bold" fill="#111111">${escape(sequence.title)}</text>`]),
    ...layout.agents.map((agent, index) => lane(agent, layout.lanes[index] as number, layout)),
    ...sequence.steps.map((step, index) => row(step, index, layout)),
    '</svg>',
    '',
  ].join('\n');
}

function layOut(sequence: Sequence): Layout {
  const agents = agentsOf(sequence);
  const numbers = MARGIN + String(sequence.steps.length).length * CHARACTER;
  let right = numbers + LANE_GAP;
  const lanes = agents.map((agent) => {
    const half = (agent.length * CHARACTER) / 2 + LANE_GAP / 2;
    const middle = right + half;
    right = middle + half;
    return Math.round(middle);
  });
  const longest = Math.max(0, ...sequence.steps.map(({ text }) => text.length));
  const title = (sequence.title?.length ?? 0) * CHARACTER + 2 * MARGIN;
  const texts = Math.round(right + LANE_GAP);
  const top = MARGIN + (sequence.title === undefined ? 0 : 2 * FONT) + 2 * FONT;
  return { agents, lanes, numbers, texts, top, width: Math.ceil(Math.max(texts + longest * CHARACTER + MARGIN, title)), height: top + sequence.steps.length * ROW + MARGIN };
}

function lane(agent: string, x: number, { top, height }: Layout): string {
  return `<text x="${x}" y="${top - FONT}" text-anchor="middle" font-weight="bold" fill="#111111">${escape(agent)}</text><path d="M${x},${top - 6} V${height - MARGIN / 2}" stroke="#bbbbbb"/>`;
}

function row({ agent, text, wakes, marked = false }: SequenceStep, index: number, { agents, lanes, numbers, texts, top, width }: Layout): string {
  const middle = top + index * ROW + ROW / 2;
  const from = lanes[agents.indexOf(agent)] as number;
  const to = wakes === undefined ? from : (lanes[agents.indexOf(wakes)] as number);
  const baseline = middle + FONT / 3;
  return [
    marked ? `<rect x="0" y="${middle - ROW / 2}" width="${width}" height="${ROW}" fill="#ffdcdc"/>` : '',
    `<text x="${numbers}" y="${baseline}" text-anchor="end" fill="#888888">${index + 1}</text>`,
    `<circle cx="${from}" cy="${middle}" r="3.5" fill="#1f4e9e"/>`,
    to === from ? '' : `<path d="M${from},${middle} H${to}" stroke="#1f4e9e" marker-end="url(#arrow)"/>`,
    `<text x="${texts}" y="${baseline}" fill="#111111" xml:space="preserve">${escape(text)}</text>`,
  ].join('');
}

const ENTITIES: Readonly<Record<string, string>> = { '&': '&amp;', '<': '&lt;', '>': '&gt;', '"': '&quot;' };

/** What XML cannot hold at all, control characters, becomes a mark. */
function escape(text: string): string {
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  return text.replaceAll(/[&<>"]/gu, (each) => ENTITIES[each] as string).replaceAll(/[\u0000-\u001f]/gu, '\u2426');
}
