// When a message that cannot be masked is moved in two steps (msi_set_affinity()), and when one will do.
import { describe, expect, test } from 'vitest';
import { fail, ok } from '@siov/base';
import type { Result } from '@siov/base';
import { cpuMask, requestIrq, SHUTDOWN_VECTOR } from '../src/index.ts';
import type { IrqData, MsiMsg, VectorTarget } from '../src/index.ts';
import type { AffinityErrno, AffinityOutcome } from '../src/chip.ts';
import { vectorMsiParent } from '../src/vector-msi-parent.ts';
import { makeMachine } from './machine.ts';
import { moving } from './moving.ts';

interface Move {
  readonly old: VectorTarget;
  readonly next: VectorTarget;
  readonly started: boolean;
  readonly nomaskQuirk: boolean;
  readonly online: bigint;
  readonly currentCpu: number;
  readonly moved: Result<AffinityOutcome, AffinityErrno>;
  readonly composes: boolean;
  readonly requested: boolean;
}

/** The one that needs two steps: vector and CPU change, in an interrupt of the old CPU. */
const TWO: Move = {
  old: { cpu: 0, vector: 0x40 }, next: { cpu: 1, vector: 0x41 }, started: true, nomaskQuirk: true, online: cpuMask(0, 1), currentCpu: 0, moved: ok('ok'), composes: true, requested: false,
};
const [BETWEEN, NEXT] = ['cpu 0 vector 65', 'cpu 1 vector 65'];

/** A hierarchy of two levels on nothing, and what is done while it is moved. */
function move(change: Partial<Move>) {
  const { old, next, started, nomaskQuirk, online, currentCpu, moved, composes, requested } = { ...TWO, ...change };
  const { run } = makeMachine();
  const log: string[] = [];
  const targets = [old, next];
  const say = (what: string) => ({ cpu, vector }: VectorTarget) => { log.push(`${what} cpu ${cpu} vector ${vector}`); };
  const parent = vectorMsiParent({
    targetOf: () => targets.shift() ?? next,
    currentCpu: () => currentCpu,
    expectStray: say('stray'),
    requested: (target) => { say('requested')(target); return requested; },
    retrigger: () => { log.push('retrigger'); return true; },
  });
  const written: string[] = [];
  const data = {
    virq: 16,
    desc: { state: { started }, core: { online } },
    chip: { *irqWriteMsiMsg(_data: unknown, { addressLo, data: vector }: MsiMsg) { written.push(`cpu ${(addressLo >>> 12) & 0xff} vector ${vector}`); } },
    chipData: { nomaskQuirk },
    parent: {
      chip: {
        *irqSetAffinity() { return moved; },
        ...(composes ? { irqComposeMsiMsg: () => ({ addressLo: 0xfee00000 + next.cpu * 4096, addressHi: 0, data: next.vector }) } : {}),
      },
      parent: null,
    },
  } as unknown as IrqData;
  const result = run(parent.setAffinity?.(data, cpuMask(next.cpu), false) ?? missing());
  return { result, written, log };
}

const missing = (): never => { throw new Error('no setter'); };

describe('two steps', () => {
  test.each<[string, Partial<Move>]>([
    ['in an interrupt on the old CPU', {}],
    ['for an old CPU that is going, from wherever', { online: cpuMask(1), currentCpu: -1 }],
  ])('%s: vector first, then the CPU, with the stray between them expected', (_when, change) => {
    const { result, written, log } = move(change);
    expect([result, written, log]).toEqual([ok('ok'), [BETWEEN, NEXT], [`stray ${BETWEEN}`, `requested ${BETWEEN}`]]);
  });

  test('what came between is raised again', () => {
    expect(move({ requested: true }).log.at(-1)).toBe('retrigger');
  });
});

describe('one step', () => {
  test.each<[string, Partial<Move>]>([
    ['for a message that can be masked', { nomaskQuirk: false }],
    ['when the vector stays', { old: { cpu: 0, vector: 0x41 } }],
    ['when the CPU stays', { old: { cpu: 1, vector: 0x40 }, currentCpu: 1 }],
    ['from the shutdown vector, on which nothing comes', { old: { cpu: 0, vector: SHUTDOWN_VECTOR } }],
    ['before the start', { started: false }],
    ['in a task', { currentCpu: -1 }],
    ['in an interrupt on another CPU', { currentCpu: 1 }],
  ])('%s', (_when, change) => {
    const { result, written, log } = move(change);
    expect([result, written, log]).toEqual([ok('ok'), [NEXT], []]);
  });
});

test('nothing is written where the level below has not moved, or has done all there is', () => {
  for (const moved of [fail('ENOSPC', 'no vector'), ok('done' as const)]) expect(move({ moved })).toEqual({ result: moved, written: [], log: [] });
});

test('EINVAL: one step in a hierarchy that composes no message', () => {
  expect(move({ nomaskQuirk: false, composes: false })).toMatchObject({ result: { errno: 'EINVAL', message: expect.stringContaining('irq 16') }, written: [] });
});

test('an interrupt that is over is none: after one on the old CPU a task moves in one step', () => {
  const { table, alloc, run, core, data, fire, seen, target } = moving({ cpus: 2 });
  // CPU 1 has 0x40 in use, so that vector and CPU both change.
  run(requestIrq(core, alloc(1, { mask: cpuMask(1), managed: false }), { name: 'other', devId: 1, handler: () => 'handled' }));
  // With the first one every CPU begins, with the second CPU 0 is the last that ran.
  for (let each = 0; each < 2; each++) fire();
  table.log.length = 0;
  expect(run(data.chip.irqSetAffinity?.(data, cpuMask(1), false) ?? missing())).toEqual(ok('ok'));
  expect([seen.handled, target(), table.log]).toEqual([2, { cpu: 1, vector: 0x41 }, ['message 0']]);
});
