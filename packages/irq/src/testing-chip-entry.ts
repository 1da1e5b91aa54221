// A chip under test: the machine it is in, one interrupt of it, and what the rules ask of that.
import type { Steps } from '@siov/base';
import { busLocked } from './bus-lock.ts';
import type { MsiMsg } from './chip.ts';
import type { IrqCore } from './core.ts';
import type { IrqDesc } from './desc.ts';
import { maskIrq, unmaskIrq } from './flow/mask.ts';
import { settled } from './flow/settled.ts';
import { composeMsiMsg } from './hierarchy.ts';
import { freeIrq, requestIrq } from './manage.ts';

/** An entry as the device has it, not as the chip remembers it. */
export interface StoredEntry {
  readonly masked: boolean;
  readonly message: MsiMsg;
  /** What else the device checks before it sends; null or absent: nothing. */
  readonly id?: unknown;
}

/** A machine with the chip in it, made anew for every test. */
export interface ChipRig {
  readonly core: IrqCore;
  /** Allocates one interrupt of the chip: the same slot again after {@link free}. */
  allocate(): { readonly virq: number; readonly hwirq: number };
  free(virq: number): void;
  /** The device's event: what makes it use the entry. */
  raise(hwirq: number): void;
  stored(hwirq: number): StoredEntry;
  /** Writes rubbish, unmasked, into the entry behind the chip's back, as an earlier owner might leave it. */
  soil?(hwirq: number): void;
  /** What an entry holds that has no message; all zero unless said. */
  readonly empty?: MsiMsg;
  /** Whether the device keeps one event that comes while the entry is masked. */
  readonly latches: boolean;
  /** Runs a call to its end; where it waits, the machine's other agents run. */
  run<T>(steps: Steps<T>): T;
  /** Lets the machine come to rest: CPUs take what was raised, timers expire. */
  settle(): void;
}

/** One interrupt of a rig, and how often it was received. */
export class ChipEntry {
  readonly rig: ChipRig;
  readonly core: IrqCore;
  virq: number;
  readonly hwirq: number;
  received = 0;
  #steps = 0;

  constructor(rig: ChipRig) {
    const { virq, hwirq } = rig.allocate();
    this.rig = rig;
    this.core = rig.core;
    this.virq = virq;
    this.hwirq = hwirq;
  }

  get desc(): IrqDesc {
    const desc = this.core.desc(this.virq);
    if (desc === undefined) throw new Error(`irq ${this.virq} is not there`);
    return desc;
  }

  get stored(): StoredEntry {
    const { masked, message, id } = this.rig.stored(this.hwirq);
    return { masked, message: { ...message }, id: id ?? null };
  }

  get empty(): MsiMsg {
    return this.rig.empty ?? { addressLo: 0, addressHi: 0, data: 0 };
  }

  /** What the hierarchy says should be stored now. */
  get composed(): MsiMsg {
    const { data } = this.desc.state;
    const message = data === null ? null : composeMsiMsg(data);
    if (!message?.ok) throw new Error('its hierarchy composes no message');
    return message.value;
  }

  run<T>(steps: Steps<T>): T {
    return this.rig.run(watched(steps, () => { this.#steps += 1; }));
  }

  /** How many steps `call` takes. */
  stepsOf(call: () => void): number {
    this.#steps = 0;
    call();
    return this.#steps;
  }

  request(watch?: (step: number) => void): void {
    const requested = this.run(watched(requestIrq(this.core, this.virq, {
      name: 'contract',
      devId: this,
      handler: () => {
        this.received += 1;
        return 'handled';
      },
    }), watch));
    must(requested.ok, 'it can be requested');
  }

  free(watch?: (step: number) => void): void {
    must(this.run(watched(freeIrq(this.core, this.virq, this), watch)) === 'contract', 'it can be freed');
  }

  mask(): void {
    this.run(busLocked(this.desc, this.desc.lock.with(settled(maskIrq(this.desc)))));
  }

  unmask(): void {
    this.run(busLocked(this.desc, this.desc.lock.with(settled(unmaskIrq(this.desc)))));
  }

  /** The event, and whatever comes of it. */
  raise(): void {
    this.rig.raise(this.hwirq);
    this.settle();
  }

  settle(): void {
    this.rig.settle();
  }

  expect(count: number): void {
    this.settle();
    must(this.received === count, `received ${count} times, not ${this.received}`);
  }
}

/** `steps` with `watch` called after each of its points, and numbered: another agent, exactly there. */
export function* watched<T>(steps: Steps<T>, watch: (step: number) => void = () => {}): Steps<T> {
  for (let step = 0; ; step++) {
    const next = steps.next();
    if (next.done) return next.value;
    watch(step);
    yield next.value;
  }
}

export function must(holds: boolean, rule: string): void {
  if (!holds) throw new Error(`the chip breaks a rule: ${rule}`);
}

export function isNone(id: unknown): boolean {
  return id === null || id === undefined;
}

export function equal(a: MsiMsg, b: MsiMsg): boolean {
  return a.addressLo === b.addressLo && a.addressHi === b.addressHi && a.data === b.data;
}

export function same(a: StoredEntry, b: StoredEntry): boolean {
  return a.masked === b.masked && a.id === b.id && equal(a.message, b.message);
}

export function show({ addressLo, addressHi, data }: MsiMsg): string {
  return `address 0x${((BigInt(addressHi) << 32n) | BigInt(addressLo)).toString(16)} data 0x${data.toString(16)}`;
}
