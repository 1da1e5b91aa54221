// What every chip that stores messages in a device has to satisfy: PCI MSI-X, an array of entries, a queue of commands.
import type { Steps } from '@siov/base';
import { irqSetAffinity } from './affinity.ts';
import { busLocked } from './bus-lock.ts';
import type { MsiMsg } from './chip.ts';
import type { IrqCore } from './core.ts';
import { cpuMask, cpusOf } from './cpu-mask.ts';
import type { IrqDesc } from './desc.ts';
import { disableIrq, enableIrq } from './enable.ts';
import { maskIrq, unmaskIrq } from './flow/mask.ts';
import { settled } from './flow/settled.ts';
import { composeMsiMsg } from './hierarchy.ts';
import { irqInjectInterrupt } from './irqchip-state.ts';
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

export type TestFunction = (name: string, run: () => void) => void;

/** Runs the contract: calls `test` for each rule, with a function that throws an Error when the chip breaks it. */
export function irqChipContract(test: TestFunction, makeRig: () => ChipRig): void {
  const rule = (name: string, body: (entry: Entry) => void): void => test(name, () => body(new Entry(makeRig())));

  rule('an entry just allocated is masked and holds nothing of an earlier owner', (entry) => {
    const { rig } = entry;
    if (rig.soil !== undefined) {
      rig.free(entry.virq);
      rig.soil(entry.hwirq);
      const again = rig.allocate();
      must(again.hwirq === entry.hwirq, `slot ${entry.hwirq} is given out again`);
      entry.virq = again.virq;
    }
    const { masked, message, id } = entry.stored;
    must(masked, 'masked after allocation');
    must(equal(message, entry.empty) || equal(message, entry.composed), `no message but its own after allocation, not ${show(message)}`);
    entry.request();
    must(isNone(id) || id === entry.stored.id, `no id but its own after allocation, not ${String(id)}`);
  });

  rule('whenever it is unmasked while it is requested, its message and id are in the hardware already', (entry) => {
    const seen: StoredEntry[] = [];
    entry.request(() => seen.push(entry.stored));
    const { masked, message, id } = entry.stored;
    must(!masked, 'unmasked when request_irq() returns');
    must(equal(message, entry.composed), `it holds ${show(message)}, not the message of its hierarchy`);
    for (const each of seen) {
      if (each.masked) continue;
      must(equal(each.message, message), `unmasked with ${show(each.message)}`);
      must(each.id === id, `unmasked with id ${String(each.id)}`);
    }
  });

  rule('an event is received once', (entry) => {
    entry.request();
    for (let count = 1; count <= 3; count++) {
      entry.raise();
      entry.expect(count);
    }
  });

  rule('masked, nothing is received; unmasked, what it kept is received once', (entry) => {
    entry.request();
    entry.mask();
    must(entry.stored.masked, 'masked in the hardware');
    entry.raise();
    entry.raise();
    entry.expect(0);
    entry.unmask();
    must(!entry.stored.masked, 'unmasked in the hardware');
    entry.expect(entry.rig.latches ? 1 : 0);
    entry.raise();
    entry.expect(entry.rig.latches ? 2 : 1);
  });

  rule('masking what is masked and unmasking what is not changes nothing', (entry) => {
    entry.request();
    for (const [masked, set] of [[true, () => entry.mask()], [false, () => entry.unmask()]] as const) {
      set();
      const once = entry.stored;
      // Past the core, which would not ask the chip again.
      entry.desc.state.masked = !masked;
      set();
      must(once.masked === masked && same(once, entry.stored), `twice ${masked ? 'masked' : 'unmasked'} is as once`);
    }
    entry.expect(0);
    entry.raise();
    entry.expect(1);
  });

  rule('I9: any number of events while it is disabled is received once when it is enabled', (entry) => {
    entry.request();
    for (let count = 1; count <= 2; count++) {
      entry.run(disableIrq(entry.core, entry.virq));
      entry.raise();
      if (entry.desc.state.data?.chip.irqBusLock === undefined) must(entry.stored.masked, 'masked by the first event while it is disabled');
      entry.raise();
      entry.expect(count - 1);
      entry.run(enableIrq(entry.core, entry.virq));
      entry.expect(count);
      must(!entry.stored.masked, 'unmasked after enable_irq()');
    }
  });

  rule('I6, R23: when free_irq() returns it is masked, without id, its message gone, and nothing is received', (entry) => {
    entry.request();
    let masked = false;
    entry.free(() => {
      must(!masked || entry.stored.masked, 'once masked it stays masked');
      masked = entry.stored.masked;
    });
    const { stored } = entry;
    must(stored.masked, 'masked');
    must(isNone(stored.id), `without id, not ${String(stored.id)}`);
    must(equal(stored.message, entry.empty), `without message, not ${show(stored.message)}`);
    entry.raise();
    entry.expect(0);
  });

  rule('requested again it works as the first time, and gets no event of the owner before', (entry) => {
    entry.request();
    const { message, id } = entry.stored;
    entry.raise();
    entry.expect(1);
    entry.free();
    entry.request();
    entry.expect(1);
    must(!entry.stored.masked && entry.stored.id === id && !equal(message, entry.empty), 'the entry is as the first time');
    entry.raise();
    entry.expect(2);
  });

  rule('an event between any two steps of requesting is received, between any two of freeing not after it', (entry) => {
    const count = entry.stepsOf(() => entry.request());
    for (let at = 0; at < count; at++) {
      const each = new Entry(makeRig());
      each.request((step) => { if (step === at) each.raise(); });
      each.settle();
      must(each.received === 1 || (!each.rig.latches && each.received === 0), `received ${each.received} times, raised at step ${at} of requesting`);
      const before = each.received;
      each.free((step) => { if (step === at) each.raise(); });
      const returned = each.received;
      each.raise();
      must(each.received === returned && returned - before <= 1, `received after free_irq(), raised at step ${at} of it`);
    }
  });

  rule('raised again by software it is received once', (entry) => {
    entry.request();
    entry.run(irqInjectInterrupt(entry.core, entry.virq));
    entry.expect(1);
  });

  rule('R18: nothing but requesting, freeing, moving and masking changes what an entry in use holds', (entry) => {
    entry.request();
    const running = entry.stored;
    entry.run(disableIrq(entry.core, entry.virq));
    entry.raise();
    must(equal(entry.stored.message, running.message) && entry.stored.id === running.id, 'message and id stay while it is disabled');
    entry.run(enableIrq(entry.core, entry.virq));
    entry.settle();
    must(same(entry.stored, running), 'and are the same after it');
  });

  rule('moved to any CPU, also between events, it holds the message of its target and no event is lost', (entry) => {
    entry.request();
    const cpus = cpusOf(entry.core.online);
    let expected = 0;
    for (const cpu of [...cpus, ...cpus.toReversed()]) {
      const moved = entry.run(irqSetAffinity(entry.core, entry.virq, cpuMask(cpu)));
      must(moved.ok, `it can be moved to CPU ${cpu}`);
      // The first event makes a move that waits for it, the second ends it.
      for (let each = 0; each < 2; each++) {
        entry.raise();
        entry.expect(++expected);
      }
      must(equal(entry.stored.message, entry.composed) && !entry.stored.masked, `it holds the message for CPU ${cpu}, unmasked`);
      must(entry.desc.state.effectiveAffinity === cpuMask(cpu), `it arrives at CPU ${cpu}`);
    }
  });

  rule('an event between any two steps of a move is received', (entry) => {
    entry.request();
    const last = cpusOf(entry.core.online).at(-1) ?? 0;
    const move = (each: Entry, watch?: (step: number) => void) => each.run(watched(irqSetAffinity(each.core, each.virq, cpuMask(last)), watch));
    const count = entry.stepsOf(() => move(entry));
    for (let at = 0; at < count; at++) {
      const each = new Entry(makeRig());
      each.request();
      move(each, (step) => { if (step === at) each.raise(); });
      each.expect(1);
      each.raise();
      each.expect(2);
    }
  });
}

/** One interrupt of a rig, and how often it was received. */
class Entry {
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
function* watched<T>(steps: Steps<T>, watch: (step: number) => void = () => {}): Steps<T> {
  for (let step = 0; ; step++) {
    const next = steps.next();
    if (next.done) return next.value;
    watch(step);
    yield next.value;
  }
}

function must(holds: boolean, rule: string): void {
  if (!holds) throw new Error(`the chip breaks a rule: ${rule}`);
}

function isNone(id: unknown): boolean {
  return id === null || id === undefined;
}

function equal(a: MsiMsg, b: MsiMsg): boolean {
  return a.addressLo === b.addressLo && a.addressHi === b.addressHi && a.data === b.data;
}

function same(a: StoredEntry, b: StoredEntry): boolean {
  return a.masked === b.masked && a.id === b.id && equal(a.message, b.message);
}

function show({ addressLo, addressHi, data }: MsiMsg): string {
  return `address 0x${((BigInt(addressHi) << 32n) | BigInt(addressLo)).toString(16)} data 0x${data.toString(16)}`;
}
