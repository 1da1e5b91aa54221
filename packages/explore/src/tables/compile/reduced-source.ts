// JavaScript of the inner loop that leaves steps out: all successors of a state are made, and those that were not chosen dropped.
import { fieldSource, wordNames } from './agent-source.ts';
import type { AgentContext } from './agent-source.ts';
import { BATCH, OUT } from './limits.ts';

export function reducedSource({ layout }: AgentContext): string {
  const { words, slots } = layout;
  const names = wordNames(layout);
  const each = Array.from({ length: words }, (_, word) => `w${word} = states[base + ${word}]`).join(', ');
  const slot = ({ number, field, ended }: (typeof slots)[number]) => `
    blocks[${number}] = ${fieldSource(field)};
    if (blocks[${number}] !== ${ended}) {
      present |= ${1 << number};
      made[${number}] = at;
      const before = at;
      at = agent${number}(${names}, at);
      if (at !== before) moving |= ${1 << number};
    }`;
  return `
const steps = new Int32Array(${slots.length});
const blocks = new Int32Array(${slots.length});
const made = new Int32Array(${slots.length});
const owner = new Int32Array(${BATCH * slots.length + 1});
const ahead = new Uint8Array(${BATCH});
const few = new Uint8Array(${BATCH});
const again = new Int32Array(${BATCH});
let first = 0;
function reduced(states, index, from, to, taken, choose) {
  let at = 0;
  let rest = 0;
  let miss = 0;
  let left = 0;
  first = from;
  for (let state = from; state < to; state++) {
    const base = state * ${words};
    const ${each};
    const begin = at;
    let moving = 0;
    let present = 0;${slots.map(slot).join('')}
    few[state - from] = 0;
    ahead[state - from] = 0;
    if (threw >= 0) {
      if (out[${OUT.threwAt}] === 0) { out[${OUT.threwAt}] = state; out[${OUT.threwSlot}] = threw; }
      threw = -1;
    } else if (missed < 0 && moving !== 0) {
      const chosen = choose(moving, present, steps, blocks);
      if (chosen !== moving) {
        few[state - from] = 1;
        at = begin;
        for (let slot = 0; slot < ${slots.length}; slot++) {
          if ((chosen >>> slot & 1) === 0) { left += moving >>> slot & 1; continue; }
          const source = made[slot];
          touched[at / ${words} | 0] = touched[source / ${words} | 0];
          for (let word = 0; word < ${words}; word++) next[at++] = next[source + word];
        }
      }
    } else if (moving === 0 && spun === 0 && missed < 0) resting[rest++] = state;
    for (let each = begin / ${words} | 0; each < (at / ${words} | 0); each++) owner[each] = state - from;
    spun = 0;
    if (missed >= 0) { missing[miss++] = state; missing[miss++] = missed; missed = -1; }
  }
  taken = insert(states, index, at, taken);
  let repeat = 0;
  for (let state = from; state < to; state++) if (few[state - from] === 1 && ahead[state - from] === 0) again[repeat++] = state;
  out[${OUT.missing}] = miss;
  out[${OUT.resting}] = rest;
  out[${OUT.again}] = repeat;
  out[${OUT.left}] = left;
  return taken;
}`;
}
