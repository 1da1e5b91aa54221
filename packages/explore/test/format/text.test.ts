import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { LINE, widthOf } from '../../src/format/line.ts';
import { counterexampleText } from '../../src/format/text.ts';
import { anyCounterexample } from './arbitraries.ts';
import { atOnce, deadlock, livelock, long, lost, step } from './examples.ts';

test('who did what to which cell, in turns, and how to see it again', () => {
  expect(counterexampleText(lost, { replay: 'siov replay lost.trace.json' })).toBe(`\
model     one queue, one vector
property  every completion is seen
broken    2 completions, and the driver has seen 1
schedule  7 steps of 2 agents in 4 turns; no schedule with fewer steps breaks the property

Agents take turns. A step is the code of one agent from a point where others may run to its next; nobody else runs in
between. Cells are what agents share; r: the step reads it, w: it writes it, rw: both.

  step  kind      what it does                cell           value, or before -> after

device
     1  device    complete a descriptor   rw  queue.done     0 -> 1
     2  device    raise the interrupt     rw  entry.pending  false -> true

handler
     3  wait      an interrupt            r   entry.pending  true
     4  register  read how many are done  r   queue.done     1
                                          w   driver.seen    0 -> 1

device
     5  device    complete a descriptor   rw  queue.done     1 -> 2
     6  device    raise the interrupt     r   entry.pending  true

handler
     7  register  acknowledge             w   entry.pending  true -> false

After step 7: 2 completions, and the driver has seen 1

replay    siov replay lost.trace.json (runs these very steps in the real code, also under a debugger)
`);
});

test('a deadlock ends with who waits for what', () => {
  expect(counterexampleText(deadlock)).toContain(`
After step 2: nobody can move, and 2 agents are not done
  reader  waits for lock b
  writer  waits for lock a
`);
});

test('what comes again and again is beside a line, also where it begins within a turn', () => {
  expect(counterexampleText(livelock)).toContain(`
  owner
       1  memory  begin             w   owner.round  0n -> 1n

╭─ this comes again and again
│ owner
│      2  memory  offer             w   flag.up      false -> true
│      3  memory  take back         w   flag.up      true -> false
│
│ poller
│      4  poll    look at the flag  r   flag.up      false
╰─ and so on for ever, from step 2 again

In this run, for ever: the poller is never past its loop
`);
  expect(counterexampleText(livelock)).toContain(
    '4 steps of 2 agents in 2 turns; there may be a shorter one; it never ends: after step 4 comes step 2 again',
  );
});

test('without a step there is no table', () => {
  const text = counterexampleText(atOnce);
  expect(text).toContain('schedule  no steps: it is broken where the model starts\n');
  expect(text).toContain('\n\nAt the start: empty\n');
  expect(text).not.toContain('step  kind');
});

describe('one step', () => {
  const textOf = (only: ReturnType<typeof step>) => counterexampleText({ ...deadlock, steps: [only], waiting: [] });

  test('what it threw is below it', () => {
    expect(textOf({ ...step('a', 'trap', 'go'), threw: 'Error: gone' })).toContain(
      '\n     1  trap  go\n              throws Error: gone\n',
    );
  });

  test('a cell that it read as something else than it wrote over is two accesses', () => {
    expect(textOf(step('a', 'memory', 'go', [['c', 1]], [['c', 2, 3]]))).toContain(
      'r   c     1\n                              w   c     2 -> 3\n',
    );
  });

  test('a long sentence goes on below, a long name and both long values are cut with a mark', () => {
    const text = textOf(step('a', 'memory', 'wait '.repeat(20).trim(), [], [['c'.repeat(80), 'b'.repeat(80), 'a'.repeat(80)]]));
    expect(text).toContain('wait wait wait wait wait wait wait wait');
    expect(text).toMatch(/c{10,}…c{10,} +"b+…b+" -> "a+…a+"\n/u);
    const short = textOf(step('a', 'memory', 'wait '.repeat(20), [], [['c'.repeat(80), 1, 'a'.repeat(80)]]));
    expect(short).toMatch(/ 1 -> "a{10,}…a{10,}"\n/u);
  });
});

test('each step of a long one has its number, and turns are apart', () => {
  const lines = counterexampleText(long).split('\n');
  for (let number = 1; number <= long.steps.length; number++)
    expect(lines.some((line) => line.startsWith(`${String(number).padStart(6)}  `))).toBe(true);
  expect(lines.filter((line) => line === 'vmm/service').length).toBeGreaterThan(2);
});

test('whatever is in it, no line is longer than 120 characters, and none moves the cursor', () => {
  fc.assert(
    fc.property(anyCounterexample, (counterexample) => {
      const text = counterexampleText(counterexample);
      expect(text.split('\n').filter((line) => widthOf(line) > LINE)).toEqual([]);
      expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}\p{Cs}]/u);
    }),
  );
});
