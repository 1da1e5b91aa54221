// The interrupt path with nothing around it: what a careful programmer writes who needs one machine and no layers. Same
// checks, same effects, plain typed arrays. It is the measure of what the packages' path may cost.

const ENTRY_WORDS = 4;
const CONTROL = 3;
const MASK = 1 << 0;
const PENDING = 1 << 1;
const IGNORE = 1 << 2;

const IRTES = 65536;
/** Words of an entry of the remapping table: present, requester id, CPU, vector. */
const PRESENT = 0;
const SOURCE = 1;
const CPU = 2;
const VECTOR = 3;

const VECTORS = 256;
const VECTOR_WORDS = VECTORS / 32;

const DISABLED = 1 << 0;
const IN_PROGRESS = 1 << 1;
const LATCHED = 1 << 2;
const MASKED = 1 << 3;

export type Handler = (virq: number) => void;

export class HandWritten {
  readonly faults = { count: 0, index: 0 };
  spurious = 0;
  readonly #cpus: number;
  readonly #requesterId: number;
  readonly #entries: Uint32Array;
  readonly #irtes = new Uint32Array(IRTES * 4);
  /** Interrupt request registers, one bit a vector. */
  readonly #requests: Uint32Array;
  /** Per CPU, which words of its request register are not 0. */
  readonly #requested: Uint32Array;
  readonly #vectorIrq: Int32Array;
  readonly #states: Uint8Array;
  readonly #counts: Uint32Array;
  readonly #handlers: (Handler | undefined)[];
  #busMaster = true;

  /** A device with `entries` message entries, each with its interrupt: on CPU n modulo `cpus`, handled by `handler`. */
  constructor(entries: number, cpus: number, requesterId: number, handler: Handler) {
    this.#cpus = cpus;
    this.#requesterId = requesterId;
    this.#entries = new Uint32Array(entries * ENTRY_WORDS);
    this.#requests = new Uint32Array(cpus * VECTOR_WORDS);
    this.#requested = new Uint32Array(cpus);
    this.#vectorIrq = new Int32Array(cpus * VECTORS).fill(-1);
    this.#states = new Uint8Array(entries);
    this.#counts = new Uint32Array(entries * cpus);
    this.#handlers = Array.from({ length: entries }, () => handler);
    for (let index = 0; index < entries; index++) {
      const cpu = index % cpus;
      const vector = 0x40 + Math.trunc(index / cpus);
      this.#entries.set([(0xfee00000 | (1 << 4) | (1 << 3) | ((index & 0x7fff) << 5) | ((index >>> 15) << 2)) >>> 0, 0, 0, 0], index * ENTRY_WORDS);
      this.#irtes.set([1, requesterId, cpu, vector], index * 4);
      this.#vectorIrq[cpu * VECTORS + vector] = index;
    }
  }

  /** `count` interrupts of all entries in turns. */
  interrupts(count: number): void {
    const entries = this.#entries.length / ENTRY_WORDS;
    for (let each = 0; each < count; each++) this.interrupt(each % entries);
  }

  /** The device raises the interrupt of entry `index`, and the CPUs take what is raised. */
  interrupt(index: number): void {
    this.#raise(index);
    for (let cpu = 0; cpu < this.#cpus; cpu++) this.#take(cpu);
  }

  /** Interrupts counted for `virq` on `cpu`. */
  count(virq: number, cpu: number): number {
    return this.#counts[virq * this.#cpus + cpu] ?? 0;
  }

  setMask(index: number, mask: boolean): void {
    const at = index * ENTRY_WORDS + CONTROL;
    const control = this.#entries[at] ?? 0;
    if (mask) this.#entries[at] = control | MASK;
    else {
      this.#entries[at] = control & ~(MASK | PENDING);
      if ((control & PENDING) !== 0) this.interrupt(index);
    }
  }

  setDisabled(virq: number, disabled: boolean): void {
    const state = this.#states[virq] ?? 0;
    this.#states[virq] = disabled ? state | DISABLED : state & ~DISABLED;
  }

  set busMaster(on: boolean) {
    this.#busMaster = on;
  }

  #raise(index: number): void {
    const at = index * ENTRY_WORDS;
    if (!(index >= 0 && at < this.#entries.length)) throw new RangeError(`there is no entry ${index}`);
    const control = this.#entries[at + CONTROL]!;
    if ((control & IGNORE) !== 0) return;
    if ((control & MASK) !== 0) {
      this.#entries[at + CONTROL] = control | PENDING;
      return;
    }
    if (this.#busMaster) this.message(this.#requesterId, this.#entries[at + 1]!, this.#entries[at]!, this.#entries[at + 2]!);
  }

  /** VT-d 5.1.3: what the remapping hardware does with a message. */
  message(requesterId: number, hi: number, lo: number, data: number): void {
    if (hi !== 0 || lo >>> 20 !== 0xfee || (lo & (1 << 4)) === 0) return this.#fault(-1);
    const handle = ((lo >>> 5) & 0x7fff) | (((lo >>> 2) & 1) << 15);
    const index = (lo & (1 << 3)) === 0 ? handle : handle + (data & 0xffff);
    if (index >= IRTES) return this.#fault(index);
    const at = index * 4;
    if (this.#irtes[at + PRESENT] === 0) return this.#fault(index);
    if (this.#irtes[at + SOURCE] !== requesterId) return this.#fault(index);
    const cpu = this.#irtes[at + CPU]!;
    const vector = this.#irtes[at + VECTOR]!;
    this.#requests[cpu * VECTOR_WORDS + (vector >>> 5)]! |= 1 << (vector & 31);
    this.#requested[cpu]! |= 1 << (vector >>> 5);
  }

  #fault(index: number): void {
    this.faults.count += 1;
    this.faults.index = index;
  }

  /** The CPU takes requested vectors, the highest first. */
  #take(cpu: number): void {
    while (this.#requested[cpu] !== 0) {
      const word = 31 - Math.clz32(this.#requested[cpu]!);
      const at = cpu * VECTOR_WORDS + word;
      const bit = 31 - Math.clz32(this.#requests[at]!);
      this.#requests[at]! &= ~(1 << bit);
      if (this.#requests[at] === 0) this.#requested[cpu]! &= ~(1 << word);
      const virq = this.#vectorIrq[cpu * VECTORS + word * 32 + bit]!;
      if (virq < 0) this.spurious += 1;
      else this.#handleEdge(virq, cpu);
    }
  }

  /** handle_edge_irq() */
  #handleEdge(virq: number, cpu: number): void {
    const states = this.#states;
    const handler = this.#handlers[virq];
    if ((states[virq]! & (DISABLED | IN_PROGRESS)) !== 0 || handler === undefined) {
      states[virq]! |= LATCHED | MASKED;
      this.#entries[virq * ENTRY_WORDS + CONTROL]! |= MASK;
      return;
    }
    this.#counts[virq * this.#cpus + cpu]! += 1;
    states[virq] = (states[virq]! & ~LATCHED) | IN_PROGRESS;
    for (;;) {
      handler(virq);
      if ((states[virq] & (LATCHED | DISABLED)) !== LATCHED) break;
      // An edge came meanwhile, and the entry was masked for it.
      states[virq] &= ~(LATCHED | MASKED);
      this.setMask(virq, false);
    }
    states[virq] &= ~IN_PROGRESS;
  }
}
