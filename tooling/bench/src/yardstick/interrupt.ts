// One interrupt of a guest in the yardstick's protocol: the device's entry, what VMM and CPU have of it, and the completion
// record it tells of. Each method is atomic; `service` is the handler's program.
import { point } from '@siov/base';
import type { Point, StatePort, Steps } from '@siov/base';

/** No PASID. */
export const NO_ID = 0;

export class Interrupt {
  readonly name: string;
  /** The device's entry, and the cause that it has told of and nobody has acknowledged. */
  readonly entry: { allocated: boolean; masked: boolean; pending: boolean; id: number; cause: boolean };
  /** The VMM's: the permission, and whether a handler is installed. */
  readonly vmm: { permitted: number; handler: boolean };
  /** The CPU's: the id of the message that waits to be accepted, and whether the interrupt is in progress. */
  readonly cpu: { message: number | null; running: boolean; unhandled: boolean };
  readonly completion: { written: boolean; seen: boolean };

  constructor(state: StatePort, guest: number, index: number) {
    this.name = `${guest}.${index}`;
    this.entry = state.record(`entry/${this.name}`, { allocated: false, masked: false, pending: false, id: NO_ID, cause: false });
    this.vmm = state.record(`irq/${this.name}`, { permitted: NO_ID, handler: false });
    this.cpu = state.record(`cpu/${this.name}`, { message: null, running: false, unhandled: false });
    this.completion = state.record(`completion/${this.name}`, { written: false, seen: false });
  }

  /** An event at the device. Told once until it is acknowledged, and not at all when there is no entry. */
  raise(): void {
    const { entry } = this;
    if (!entry.allocated || entry.cause) return;
    entry.cause = true;
    if (entry.masked) entry.pending = true;
    else this.#send();
  }

  allocate(): void {
    this.entry.allocated = true;
    this.entry.masked = true;
  }

  unmask(): void {
    const { entry } = this;
    entry.masked = false;
    if (!entry.pending) return;
    entry.pending = false;
    this.#send();
  }

  /** Nothing waits to be accepted, and no handler is in progress. */
  get quiet(): boolean {
    return this.cpu.message === null && !this.cpu.running;
  }

  release(): void {
    Object.assign(this.entry, { allocated: false, masked: false, pending: false, id: NO_ID, cause: false });
  }

  /** Accepts one message after the other. `acknowledgeLate`: after reading the record, which is too late. */
  *service(acknowledgeLate: boolean): Steps<never> {
    const { cpu, entry, completion } = this;
    const steps = servicePoints(this);
    for (;;) {
      yield steps.accept;
      cpu.message = null;
      cpu.running = true;
      yield steps.fire;
      if (!this.vmm.handler) cpu.unhandled = true;
      if (!acknowledgeLate) {
        yield steps.acknowledge;
        entry.cause = false;
      }
      yield steps.read;
      const { written } = completion;
      if (acknowledgeLate) {
        yield written ? steps.acknowledgeRead : steps.acknowledgeUnread;
        entry.cause = false;
      }
      if (written) {
        yield steps.tell;
        completion.seen = true;
      }
      yield steps.end;
      cpu.running = false;
    }
  }

  #send(): void {
    this.cpu.message = this.entry.id;
  }
}

type ServiceStep = 'accept' | 'fire' | 'acknowledge' | 'read' | 'acknowledgeRead' | 'acknowledgeUnread' | 'tell' | 'end';

function servicePoints({ name, cpu }: Interrupt): Readonly<Record<ServiceStep, Point>> {
  return {
    accept: { kind: 'wait', what: `accept ${name}`, anew: true, ready: () => cpu.message !== null },
    fire: point('memory', `fire the handler of ${name}`),
    acknowledge: point('register', `acknowledge ${name}`),
    read: point('memory', `read the completion of ${name}`),
    acknowledgeRead: point('register', `acknowledge ${name}, its completion read`),
    acknowledgeUnread: point('register', `acknowledge ${name}, no completion read`),
    tell: point('memory', `tell the guest of ${name}`),
    end: point('register', `end ${name}`),
  };
}
