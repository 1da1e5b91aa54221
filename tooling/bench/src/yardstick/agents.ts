// Who takes part in the yardstick's protocol besides the interrupt services: a guest's program, its VMM, and the device.
import { point } from '@siov/base';
import type { Point, PointKind, StatePort, Steps } from '@siov/base';
import { NO_ID } from './interrupt.ts';
import type { Interrupt } from './interrupt.ts';

export type Operation = 'bind' | 'permission' | 'enable' | 'disable' | 'unbind';

/** A queue of one descriptor: the name of the interrupt that is to tell of its completion. */
export class Queue {
  readonly #name: string;
  readonly #slot: { descriptor: string | null };

  constructor(state: StatePort, index: number) {
    this.#name = `queue${index}`;
    this.#slot = state.record(this.#name, { descriptor: null });
  }

  get free(): boolean {
    return this.#slot.descriptor === null;
  }

  put(descriptor: string): void {
    this.#slot.descriptor = descriptor;
  }

  /** The engine behind the queue: completes one descriptor after the other. */
  *engine(interruptOf: (descriptor: string) => Interrupt): Steps<never> {
    const fetch: Point = { kind: 'device', what: `fetch from ${this.#name}`, anew: true, ready: () => !this.free };
    for (;;) {
      yield fetch;
      const told = interruptOf(this.#slot.descriptor ?? '');
      this.#slot.descriptor = null;
      yield point('device', `write the completion of ${told.name}`);
      told.completion.written = true;
      yield point('device', `raise ${told.name}`);
      told.raise();
    }
  }
}

export interface GuestParts {
  readonly index: number;
  readonly queue: Queue;
  readonly interrupts: readonly Interrupt[];
}

export class Guest {
  /** What its program has trapped for: it goes on when the VMM has taken that back. */
  readonly call: { operation: Operation | null; interrupt: number };
  readonly bound: { pasid: number };
  readonly #parts: GuestParts;

  constructor(state: StatePort, parts: GuestParts) {
    this.#parts = parts;
    this.call = state.record(`call${parts.index}`, { operation: null, interrupt: 0 });
    this.bound = state.record(`bound${parts.index}`, { pasid: NO_ID });
  }

  *program(order: readonly Operation[]): Steps<void> {
    const { queue, interrupts } = this.#parts;
    yield this.#when('trap', 'bind');
    this.#trap('bind');
    for (const number of interrupts.keys()) {
      for (const operation of order) {
        yield this.#when('trap', `${operation} ${number}`);
        this.#trap(operation, number);
      }
    }
    for (const { name } of interrupts) {
      yield this.#when('register', `submit for ${name}`, () => queue.free);
      queue.put(name);
    }
    for (const [number, { completion }] of interrupts.entries()) {
      yield this.#when('wait', `completion ${number}, disable`, () => completion.seen);
      this.#trap('disable', number);
    }
    yield this.#when('trap', 'unbind');
    this.#trap('unbind');
  }

  #trap(operation: Operation, interrupt = 0): void {
    Object.assign(this.call, { operation, interrupt });
  }

  /** A guest runs while its VMM has nothing to do for it. */
  #when(kind: PointKind, what: string, ready: () => boolean = () => true): Point {
    return { kind, what, ready: () => this.call.operation === null && ready() };
  }
}

export interface VmmFaults {
  /** Permission that comes after enabling is written to the live entry. */
  readonly rewrite: boolean;
  /** An entry with a pending bit is not released. */
  readonly leak: boolean;
}

export class Vmm {
  readonly #guest: Guest;
  readonly #pasid: number;
  readonly #interrupts: readonly Interrupt[];
  readonly #faults: VmmFaults;

  constructor(guest: Guest, { index, interrupts }: GuestParts, faults: VmmFaults) {
    this.#guest = guest;
    this.#pasid = index + 1;
    this.#interrupts = interrupts;
    this.#faults = faults;
  }

  *service(): Steps<never> {
    const { call } = this.#guest;
    const called: Point = { kind: 'wait', what: 'a call', anew: true, ready: () => call.operation !== null };
    const back = point('return', 'back to the guest');
    for (;;) {
      yield called;
      yield* this.#serve(call.operation, this.#interrupts[call.interrupt]!);
      yield back;
      Object.assign(call, { operation: null, interrupt: 0 });
    }
  }

  *#serve(operation: Operation | null, interrupt: Interrupt): Steps<void> {
    const { bound } = this.#guest;
    switch (operation) {
      case 'bind':
        bound.pasid = this.#pasid;
        break;
      case 'permission':
        interrupt.vmm.permitted = bound.pasid;
        if (this.#faults.rewrite) yield* writeId(interrupt);
        break;
      case 'enable':
        yield* enable(interrupt);
        break;
      case 'disable':
        yield* this.#disable(interrupt);
        break;
      case 'unbind':
        bound.pasid = NO_ID;
        break;
      case null:
    }
  }

  *#disable(interrupt: Interrupt): Steps<void> {
    interrupt.entry.masked = true;
    yield { kind: 'wait', what: `${interrupt.name} is quiet, remove its handler`, ready: () => interrupt.quiet };
    interrupt.vmm.handler = false;
    yield point('memory', `release ${interrupt.name}`);
    if (!this.#faults.leak || !interrupt.entry.pending) interrupt.release();
  }
}

function* enable(interrupt: Interrupt): Steps<void> {
  interrupt.allocate();
  yield* writeId(interrupt);
  yield point('memory', `install the handler of ${interrupt.name}`);
  interrupt.vmm.handler = true;
  yield point('register', `unmask ${interrupt.name}`);
  interrupt.unmask();
}

function* writeId({ name, entry, vmm }: Interrupt): Steps<void> {
  yield point('register', `write the id of ${name}`);
  entry.id = vmm.permitted;
}
