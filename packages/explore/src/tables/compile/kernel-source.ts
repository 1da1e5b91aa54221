// JavaScript of the search's inner loop for one model: expands a stretch of states and puts what is new into the table. Successors
// are made first and looked up afterwards, all together, so that the table's cache misses overlap.
import { agentSource, wordNames } from './agent-source.ts';
import { BATCH, OUT } from './limits.ts';
import { reducedSource } from './reduced-source.ts';
import type { AgentContext } from './agent-source.ts';

/** What an agent can do in a state; when it moves, the state after that is in `next`. */
export const STEP = { waits: 0, moves: 1, looks: 2, throws: 3 } as const;

export type Choose = (moving: number, present: number, steps: Int32Array, blocks: Int32Array) => number;

export interface Kernel {
  /** Expands states `from` up to `to`; returns how many numbers are taken then. */
  expand(states: Int32Array, index: Int32Array, from: number, to: number, taken: number): number;
  /** As {@link expand}, but of each state only the steps that `choose` picks. Those with nothing
   * ahead, that is not gone on from yet, are in `again`. */
  reduced?(states: Int32Array, index: Int32Array, from: number, to: number, taken: number, choose: Choose): number;
  readonly again?: Int32Array;
  /** Puts one state into the table unless it is there; returns its number, negative when it was there. */
  add(states: Int32Array, index: Int32Array, words: Int32Array, taken: number): number;
  /** Fills an index that is empty with all states below `taken`. */
  fill(states: Int32Array, index: Int32Array, taken: number): void;
  /** The number of a state; 0: it is not there. */
  find(states: Int32Array, index: Int32Array, words: Int32Array): number;
  /** Writes the state after the next step of the agent in `slot` to `next`; returns which {@link STEP} it is. */
  step(words: Int32Array, at: number, slot: number): number;
  readonly next: Int32Array;
  readonly out: Int32Array;
  /** States that no step leaves. */
  readonly resting: Int32Array;
  /** States where a step was not learned, and whose, in pairs. */
  readonly missing: Int32Array;
  /** New states that need a question asked, and which questions. */
  readonly asked: Int32Array;
  readonly askedWhat: Int32Array;
}

export function compileKernel(source: string): Kernel {
  // The source is made of numbers alone: nothing that a model says gets into it as text.
  // oxlint-disable-next-line typescript/no-implied-eval
  return (new Function(source) as () => Kernel)();
}

export function kernelSource(context: AgentContext): string {
  const { layout } = context;
  const { words, slots } = layout;
  const names = wordNames(layout);
  const each = (text: (word: number) => string, between = ' ') => Array.from({ length: words }, (_, word) => text(word)).join(between);
  const most = BATCH * slots.length;
  return `'use strict';
const next = new Int32Array(${(most + 1) * words});
const touched = new Int32Array(${most + 1});
const hashes = new Int32Array(${most + 1});
const found = new Int32Array(${most + 1});
const resting = new Int32Array(${BATCH});
const asked = new Int32Array(${most + 1});
const askedWhat = new Int32Array(${most + 1});
const out = new Int32Array(16);
let threw = -1;
let full = -1;
let missed = -1;
let spun = 0;
let looked = 0;
const missing = new Int32Array(${2 * BATCH});
${slots.map((slot) => agentSource(slot, context)).join('\n')}
function hash(${names}) {
  let h = 0;
  ${each((word) => `h = Math.imul(h ^ w${word}, ${MIX[word % MIX.length]}); h ^= h >>> 15;`)}
  h = Math.imul(h, -1640531535);
  return h ^ (h >>> 13);
}
function insert(states, index, at, taken) {
  const mask = index.length - 1;
  const high = ~mask;
  if (full >= 0) { out[${OUT.full}] = full + 1; full = -1; }
  const count = at / ${words} | 0;
  for (let each = 0, base = 0; each < count; each++, base += ${words}) {
    const h = hash(${each((word) => `next[base${word === 0 ? '' : ` + ${word}`}]`, ', ')});
    hashes[each] = h;
    found[each] = index[h & mask];
  }
  let touch = 0;
  for (let each = 0; each < count; each++) touch ^= states[(found[each] & mask) * ${words}];
  let ask = 0;
  for (let each = 0, base = 0; each < count; each++, base += ${words}) {
    const h = hashes[each];
    const ${each((word) => `n${word} = next[base${word === 0 ? '' : ` + ${word}`}]`, ', ')};
    for (let place = h & mask; ; place = (place + 1) & mask) {
      const entry = index[place];
      if (entry === 0) {
        index[place] = (h & high) | taken;
        const base = taken * ${words};
        ${each((word) => `states[base${word === 0 ? '' : ` + ${word}`}] = n${word};`)}
        if (touched[each] !== 0) { asked[ask] = taken; askedWhat[ask++] = touched[each]; }
        ${context.step === undefined ? '' : 'ahead[owner[each]] = 1;'}
        taken++;
        break;
      }
      if (((entry ^ h) & high) === 0) {
        const base = (entry & mask) * ${words};
        if (${each((word) => `states[base${word === 0 ? '' : ` + ${word}`}] === n${word}`, ' && ')}) {
          ${context.step === undefined ? '' : 'if ((entry & mask) > first + owner[each]) ahead[owner[each]] = 1;'}
          break;
        }
      }
    }
  }
  out[${OUT.asked}] = ask;
  out[${OUT.transitions}] = count;
  out[${OUT.touch}] = touch;
  return taken;
}
function expand(states, index, from, to, taken) {
  let at = 0;
  let rest = 0;
  let miss = 0;
  for (let state = from; state < to; state++) {
    const base = state * ${words};
    const ${each((word) => `w${word} = states[base${word === 0 ? '' : ` + ${word}`}]`, ', ')};
    const before = at;
    ${slots.map(({ number }) => `at = agent${number}(${names}, at);`).join('\n    ')}
    if (threw >= 0) {
      if (out[${OUT.threwAt}] === 0) { out[${OUT.threwAt}] = state; out[${OUT.threwSlot}] = threw; }
      threw = -1;
    } else if (at === before && spun === 0 && missed < 0) resting[rest++] = state;
    spun = 0;
    if (missed >= 0) { missing[miss++] = state; missing[miss++] = missed; missed = -1; }
  }
  out[${OUT.missing}] = miss;
  taken = insert(states, index, at, taken);
  out[${OUT.resting}] = rest;
  return taken;
}
${context.step === undefined ? '' : reducedSource(context)}
function add(states, index, words, taken) {
  const mask = index.length - 1;
  const high = ~mask;
  const ${each((word) => `n${word} = words[${word}]`, ', ')};
  const h = hash(${each((word) => `n${word}`, ', ')});
  for (let place = h & mask; ; place = (place + 1) & mask) {
    const entry = index[place];
    if (entry === 0) {
      index[place] = (h & high) | taken;
      const base = taken * ${words};
      ${each((word) => `states[base + ${word}] = n${word};`)}
      return taken;
    }
    if (((entry ^ h) & high) === 0) {
      const base = (entry & mask) * ${words};
      if (${each((word) => `states[base + ${word}] === n${word}`, ' && ')}) return -(entry & mask);
    }
  }
}
function find(states, index, words) {
  const mask = index.length - 1;
  const high = ~mask;
  const ${each((word) => `n${word} = words[${word}]`, ', ')};
  const h = hash(${each((word) => `n${word}`, ', ')});
  for (let place = h & mask; ; place = (place + 1) & mask) {
    const entry = index[place];
    if (entry === 0) return 0;
    if (((entry ^ h) & high) !== 0) continue;
    const base = (entry & mask) * ${words};
    if (${each((word) => `states[base + ${word}] === n${word}`, ' && ')}) return entry & mask;
  }
}
function fill(states, index, taken) {
  const mask = index.length - 1;
  const high = ~mask;
  for (let state = 1, base = ${words}; state < taken; state++, base += ${words}) {
    const h = hash(${each((word) => `states[base + ${word}]`, ', ')});
    let place = h & mask;
    while (index[place] !== 0) place = (place + 1) & mask;
    index[place] = (h & high) | state;
  }
}
const agents = [${slots.map(({ number }) => `agent${number}`).join(', ')}];
function step(words, at, slot) {
  threw = -1;
  looked = 0;
  if (agents[slot](${each((word) => `words[at + ${word}]`, ', ')}, 0) > 0) return ${STEP.moves};
  missed = -1;
  spun = 0;
  const threwHere = threw >= 0;
  threw = -1;
  return threwHere ? ${STEP.throws} : looked !== 0 ? ${STEP.looks} : ${STEP.waits};
}
return { ${context.step === undefined ? '' : 'reduced, again, '}expand, add, find, fill, step, next, out, resting, missing, asked, askedWhat };
`;
}

const MIX = [-2048144777, -1028477379, 668265263, 374761393, -1640531535, 1540483477, -862048943, 461845907] as const;
