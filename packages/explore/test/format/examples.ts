// Counterexamples and reports as the explorer finds them, small enough to check by hand.
import type { CellValue, Counterexample, Coverage, Report, ScheduleStep } from '../../src/report.ts';

type Access = readonly [cell: string, value: CellValue];
type Change = readonly [cell: string, before: CellValue, after: CellValue];

export function step(
  agent: string,
  kind: ScheduleStep['kind'],
  what: string,
  reads: readonly Access[] = [],
  writes: readonly Change[] = [],
): ScheduleStep {
  return {
    agent,
    kind,
    what,
    reads: reads.map(([cell, value]) => ({ cell, value })),
    writes: writes.map(([cell, before, after]) => ({ cell, before, after })),
  };
}

/** The handler acknowledges after it has read: what completes in between is lost. */
export const lost: Counterexample = {
  model: 'one queue, one vector',
  property: 'every completion is seen',
  violation: '2 completions, and the driver has seen 1',
  loop: null,
  shortest: true,
  waiting: [],
  steps: [
    step('device', 'device', 'complete a descriptor', [['queue.done', 0]], [['queue.done', 0, 1]]),
    step('device', 'device', 'raise the interrupt', [['entry.pending', false]], [['entry.pending', false, true]]),
    step('handler', 'wait', 'an interrupt', [['entry.pending', true]]),
    step('handler', 'register', 'read how many are done', [['queue.done', 1]], [['driver.seen', 0, 1]]),
    step('device', 'device', 'complete a descriptor', [['queue.done', 1]], [['queue.done', 1, 2]]),
    step('device', 'device', 'raise the interrupt', [['entry.pending', true]]),
    step('handler', 'register', 'acknowledge', [], [['entry.pending', true, false]]),
  ],
};

/** Two locks, taken in two orders. */
export const deadlock: Counterexample = {
  model: 'two locks',
  property: 'no deadlock',
  violation: 'nobody can move, and 2 agents are not done',
  loop: null,
  shortest: true,
  waiting: [
    { agent: 'reader', for: 'lock b' },
    { agent: 'writer', for: 'lock a' },
  ],
  steps: [
    step('reader', 'lock', 'lock a', [['lock/a.held', false]], [['lock/a.held', false, true]]),
    step('writer', 'lock', 'lock b', [['lock/b.held', false]], [['lock/b.held', false, true]]),
  ],
};

/** A poller that is fairly run and never sees it. */
export const livelock: Counterexample = {
  model: 'a flag that is taken back',
  property: 'the poller gets on',
  violation: 'the poller is never past its loop',
  loop: 1,
  shortest: false,
  waiting: [],
  steps: [
    step('owner', 'memory', 'begin', [], [['owner.round', 0n, 1n]]),
    step('owner', 'memory', 'offer', [], [['flag.up', false, true]]),
    step('owner', 'memory', 'take back', [], [['flag.up', true, false]]),
    step('poller', 'poll', 'look at the flag', [['flag.up', false]]),
  ],
};

/** Broken before anybody moves. */
export const atOnce: Counterexample = { ...deadlock, property: 'never empty', violation: 'empty', steps: [], waiting: [] };

const AGENTS = ['guest0', 'guest1', 'vmm/service', 'host/irq 41', 'device', 'spurious'] as const;
const KINDS = ['register', 'memory', 'lock', 'unlock', 'trap', 'return', 'device', 'wait'] as const;
const WHATS = [
  'write the permission entry of the vector',
  'mask the entry',
  'take the lock of the table',
  'SET_IRQS',
  'store the address of the message',
  'wait until no handler is running',
  'unmask',
];

/** As long as the long ones get: turns of one to four steps, each agent reading what the one before it wrote. */
export const long: Counterexample = {
  model: 'two guests, two vectors each, six agents',
  property: 'an accepted interrupt carries the id its guest bound',
  violation: 'the entry 3 sent a message with the id 7 of guest0, and guest1 had bound 9',
  loop: null,
  shortest: true,
  waiting: [],
  steps: Array.from({ length: 60 }, (_, index) => {
    const turn = Math.floor((index * 5) / 13);
    const agent = AGENTS[(turn * 5 + Math.floor(turn / 6)) % AGENTS.length] as string;
    const cell = `ims/entry[${turn % 5}].${['address', 'data', 'control', 'pasid'][index % 4] as string}`;
    const what = WHATS[(index * 3) % WHATS.length] as string;
    const kind = KINDS[index % KINDS.length] as ScheduleStep['kind'];
    return step(
      agent,
      kind,
      what,
      [[`ims/entry[${(turn + 4) % 5}].pasid`, index]],
      index % 3 === 2
        ? []
        : [
            [cell, index, 0xfee00000 + index],
            ['table.generation', index, index + 1],
          ],
    );
  }),
};

export const complete: Coverage = {
  engine: 'tables',
  states: 76_548,
  transitions: 312_004,
  learned: 808,
  schedules: 1,
  depth: 61,
  reduction: 'stubborn sets',
  merging: 'exact',
  complete: true,
  leftOver: null,
  seconds: 0.534,
  memory: 216 * 2 ** 20,
  seed: null,
};

export const cutShort: Coverage = {
  ...complete,
  engine: 'lazy',
  merging: '128-bit fingerprints',
  complete: false,
  leftOver: { limit: 'memory', states: 1234 },
};

export const sample: Coverage = {
  ...complete,
  engine: 'pct',
  states: 0,
  learned: 0,
  schedules: 100_000,
  reduction: 'none',
  merging: 'none',
  complete: false,
  seed: 42,
};

export const report: Report = {
  model: lost.model,
  coverage: complete,
  verdicts: [
    { property: 'no deadlock', outcome: 'proved', counterexample: null },
    { property: 'no agent throws', outcome: 'not refuted', counterexample: null },
    { property: lost.property, outcome: 'refuted', counterexample: lost },
  ],
};
