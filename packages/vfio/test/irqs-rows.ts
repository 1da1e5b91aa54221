// Rows of the table of SET_IRQS, and what may be seen after one.
import { expect } from 'vitest';
import { ok } from '@siov/base';
import type { Errno, ModelEventFd, Result } from '@siov/base';
import type { IrqSet } from '../src/index.ts';
import { eventfds, INTX, MSI, MSIX } from './irqs-machine.ts';
import type { IrqsMachine } from './irqs-machine.ts';

export type Before = 'none' | 'same' | 'other';
/** A row of the table: what is asked in which state, the answer, and what is to be seen afterwards. */
export type Row = readonly [what: string, before: Before, make: (machine: IrqsMachine, index: number) => IrqSet, expected: 'ok' | Errno, then?: Check];
export type Check = (machine: IrqsMachine, before: readonly ModelEventFd[]) => void;

export const outcome = (result: Result<number>) => (result.ok ? 'ok' : result.errno);

/** Nothing is in use, or vectors 0 to 2 of the index, or another index. */
export function prepare(machine: IrqsMachine, index: number, before: Before): readonly ModelEventFd[] {
  const fds = before === 'none' ? [] : [machine.fd(), machine.fd(), machine.fd()];
  const count = index === INTX ? 1 : 3;
  const other = index === INTX ? MSIX : index === MSI ? MSIX : MSI;
  if (before === 'same') expect(machine.run(machine.irqs.setIrqs(eventfds(index, 0, fds.slice(0, count))))).toEqual(ok(0));
  if (before === 'other') expect(machine.run(machine.irqs.setIrqs(eventfds(other, 0, fds)))).toEqual(ok(0));
  return fds;
}

export const allGone: Check = ({ irqs, held }, before) => expect([irqs.index, irqs.armed, held.enabled, held.kept.size, before.map(({ closed }) => closed)]).toEqual([null, 0, null, 0, before.map(() => true)]);
export const kept: Check = ({ irqs }, before) => expect([irqs.armed, before.map(({ closed }) => closed)]).toEqual([3, [false, false, false]]);
export const signalled = (...counts: number[]): Check => (_machine, before) => expect(before.map(({ count }) => count)).toEqual(counts);
export const nothing: Check = () => {};

/** For test.each(): its name, and the row. */
export const named = <T extends readonly [what: string, ...rest: unknown[]]>(rows: readonly T[]): [string, T][] => rows.map((row) => [row[0], row]);
