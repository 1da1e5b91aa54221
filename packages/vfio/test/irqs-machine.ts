// A device with interrupts of every index, whose backend refuses what it is told to and notes what it holds.
import { Executor, fail, ModelError, ModelEventFd, noTrace, ok, plainState, point } from '@siov/base';
import type { EventFd, Result, StatePort, Steps } from '@siov/base';
import { PciIrqs, VFIO_PCI_IRQ } from '../src/index.ts';
import type { IrqBackend, IrqSet, IrqSetData, PciIrqsOptions, SetIrqsErrno } from '../src/index.ts';

export const { INTX, MSI, MSIX, ERR, REQ } = VFIO_PCI_IRQ;
export const COUNTS = { [INTX]: 1, [MSI]: 4, [MSIX]: 6, [ERR]: 1, [REQ]: 1 };
const step = point('register', 'backend');

/** What the backend is told to refuse. */
export interface Refusals {
  /** Vectors that there are; more are not to be had. */
  available: number;
  enable: SetIrqsErrno | null;
  /** Vectors whose request_irq() fails. */
  arm: readonly number[];
}

export function makeIrqs(resize: PciIrqsOptions['resize'], state: StatePort = plainState) {
  const refusals: Refusals = { available: 6, enable: null, arm: [] };
  const held = { enabled: null as readonly [index: number, count: number] | null, armed: new Map<number, EventFd>(), kept: new Set<number>(), masked: false, unmask: null as EventFd | null };
  const wrong = (what: string) => { throw new ModelError(`the backend is asked ${what}`); };
  const backend: IrqBackend = {
    counts: COUNTS,
    *enable(index, count): Steps<Result<number, SetIrqsErrno>> {
      yield step;
      if (held.enabled !== null) wrong('to enable twice');
      if (refusals.enable !== null) return fail(refusals.enable, 'refused');
      if (count > refusals.available) return ok(refusals.available);
      held.enabled = [index, count];
      return ok(count);
    },
    *disable(index) {
      yield step;
      if (held.enabled?.[0] !== index || held.armed.size > 0) wrong('to disable what is not enabled, or armed');
      held.enabled = null;
      held.kept.clear();
    },
    *arm(index, vector, trigger): Steps<Result<void, SetIrqsErrno>> {
      yield step;
      if (held.enabled?.[0] !== index || held.armed.has(vector)) wrong('to arm twice, or what is not enabled');
      held.kept.add(vector);
      if (refusals.arm.includes(vector)) return fail('ENOSPC', 'no slot');
      held.armed.set(vector, trigger);
      return ok();
    },
    *disarm(_index, vector) {
      yield step;
      if (!held.armed.delete(vector)) wrong('to disarm what is not armed');
    },
    *free(index, vector) {
      yield step;
      if (resize === 'classic' || index === MSI || held.armed.has(vector)) wrong('to free a vector of many, or an armed one');
      held.kept.delete(vector);
    },
    intx: {
      *mask() { yield step; held.masked = true; },
      *unmask() { yield step; held.masked = false; },
      *unmaskOn(fd) { yield step; held.unmask = fd; return ok(); },
    },
  };
  const executor = new Executor();
  const irqs = new PciIrqs({ state, trace: noTrace }, 'dev', backend, { resize });
  const fds: ModelEventFd[] = [];
  return {
    irqs, held, refusals, fds, backend, executor,
    run: <T>(steps: Steps<T>): T => executor.run({ name: 'user', layer: 'test' }, steps),
    fd(): ModelEventFd {
      const made = new ModelEventFd(state, `fd${fds.length}`);
      fds.push(made);
      return made;
    },
  };
}

export type IrqsMachine = ReturnType<typeof makeIrqs>;

export const request = (index: number, start: number, count: number, data: IrqSetData, action: IrqSet['action'] = 'trigger'): IrqSet => ({ index, start, count, action, data });
export const eventfds = (index: number, start: number, fds: readonly (EventFd | null)[], action: IrqSet['action'] = 'trigger'): IrqSet =>
  request(index, start, fds.length, { kind: 'eventfd', fds }, action);
export const none = (index: number, start: number, count: number, action: IrqSet['action'] = 'trigger'): IrqSet => request(index, start, count, { kind: 'none' }, action);
export const bools = (index: number, start: number, values: readonly boolean[], action: IrqSet['action'] = 'trigger'): IrqSet =>
  request(index, start, values.length, { kind: 'bool', values }, action);
