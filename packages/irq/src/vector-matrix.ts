// Which vectors are free on which CPU: bitmaps of each CPU and counters of all (struct irq_matrix, kernel/irq/matrix.c).
import { fail, ModelError, ok } from '@siov/base';
import type { Result, StatePort } from '@siov/base';
import { bitsOf, clearBit, countBits, hasBit, setBit, wordAt } from './bitmap.ts';
import { cpusOf } from './cpu-mask.ts';
import type { CpuMask } from './cpu-mask.ts';
import type { VectorTarget } from './msi-message.ts';

/** Vectors of a CPU. */
export const NR_VECTORS = 256;
const WORDS = NR_VECTORS / 32;

export interface CpuMap {
  /** Vectors that interrupts without managed affinity can still get. */
  available: number;
  /** Vectors that interrupts have, managed ones included. */
  allocated: number;
  /** Vectors kept for managed interrupts, and how many of those are in use. */
  managed: number;
  managedAllocated: number;
  initialized: boolean;
  online: boolean;
}

interface Cpu {
  readonly map: CpuMap;
  /** Bit n: vector n has an interrupt; is kept for managed ones. */
  readonly allocMap: Uint32Array;
  readonly managedMap: Uint32Array;
}

export interface MatrixCounters {
  globalAvailable: number;
  globalReserved: number;
  totalAllocated: number;
  onlineMaps: number;
}

export class VectorMatrix {
  readonly first: number;
  readonly end: number;
  readonly counters: MatrixCounters;
  readonly #cpus: readonly Cpu[];
  readonly #system: Uint32Array;
  readonly #state: StatePort;

  /** Vectors `first` (inclusive) to `end` (exclusive) are given out, but for `system`. No CPU is online. */
  constructor(state: StatePort, name: string, options: { cpus: number; first: number; end: number; system: readonly number[] }) {
    this.first = options.first;
    this.end = options.end;
    this.#state = state;
    this.counters = state.record<MatrixCounters>(`${name}/matrix`, { globalAvailable: 0, globalReserved: 0, totalAllocated: 0, onlineMaps: 0 });
    this.#system = state.words(`${name}/matrix/system`, WORDS);
    for (const vector of options.system) setBit(this.#system, vector);
    this.#cpus = Array.from({ length: options.cpus }, (_, cpu) => ({
      map: state.record<CpuMap>(`${name}/matrix/cpu${cpu}`, { available: 0, allocated: 0, managed: 0, managedAllocated: 0, initialized: false, online: false }),
      allocMap: state.words(`${name}/matrix/cpu${cpu}/alloc`, WORDS),
      managedMap: state.words(`${name}/matrix/cpu${cpu}/managed`, WORDS),
    }));
  }

  /** irq_matrix_online(): from here on interrupts get vectors of `cpu`. */
  online(cpu: number): void {
    const { map } = this.#at(cpu);
    if (map.online) throw new ModelError(`the vectors of CPU ${cpu} are online already`);
    if (!map.initialized) {
      map.available = this.end - this.first - map.managed - countBits(this.#system, this.first, this.end);
      map.initialized = true;
    }
    this.counters.globalAvailable += map.available;
    this.counters.onlineMaps += 1;
    map.online = true;
  }

  /** irq_matrix_offline(). What is allocated there stays so, until it is freed. */
  offline(cpu: number): void {
    const { map } = this.#at(cpu);
    this.counters.globalAvailable -= map.available;
    this.counters.onlineMaps -= 1;
    map.online = false;
  }

  /** irq_matrix_reserve(): book-keeping only. False when more is reserved than there is, of which the kernel warns. */
  reserve(): boolean {
    const { counters } = this;
    const covered = counters.globalReserved !== counters.globalAvailable;
    counters.globalReserved += 1;
    return covered;
  }

  /** irq_matrix_remove_reserved(). */
  removeReserved(): void {
    this.counters.globalReserved -= 1;
  }

  /**
   * irq_matrix_alloc(): the CPU of `mask` with most vectors available, and its lowest free one. `EINVAL`: no CPU in
   * `mask`; `ENOSPC`: none of them has one. `reserved`: it takes the place of a reservation.
   */
  alloc(mask: CpuMask, reserved: boolean): Result<VectorTarget, 'EINVAL' | 'ENOSPC'> {
    if (mask === 0n) return fail('EINVAL', 'a vector on no CPU');
    const cpu = this.#bestCpu(mask);
    const vector = cpu === -1 ? -1 : this.#freeVector(cpu);
    if (vector === -1 || !this.#state.grant('vector')) return fail('ENOSPC', `no vector is left on CPUs ${cpusOf(mask).join(',')}`);
    const { map, allocMap } = this.#at(cpu);
    setBit(allocMap, vector);
    map.allocated += 1;
    map.available -= 1;
    this.counters.totalAllocated += 1;
    this.counters.globalAvailable -= 1;
    if (reserved) this.counters.globalReserved -= 1;
    return ok({ cpu, vector });
  }

  /** irq_matrix_free(). Throws {@link ModelError} for a vector nobody has. */
  free({ cpu, vector }: VectorTarget, managed: boolean): void {
    const { map, allocMap } = this.#at(cpu);
    if (!hasBit(allocMap, vector)) throw new ModelError(`vector ${vector} of CPU ${cpu} is freed but was not allocated`);
    clearBit(allocMap, vector);
    map.allocated -= 1;
    if (managed) map.managedAllocated -= 1;
    else map.available += 1;
    this.counters.totalAllocated -= 1;
    if (map.online && !managed) this.counters.globalAvailable += 1;
  }

  /** irq_matrix_reserve_managed(): a vector on every CPU of `mask`, online or not; all or none. */
  reserveManaged(mask: CpuMask): Result<void, 'ENOSPC'> {
    const done: VectorTarget[] = [];
    for (const cpu of cpusOf(mask)) {
      const vector = this.#cpus[cpu] === undefined ? -1 : this.#freeVector(cpu);
      if (vector === -1 || !this.#state.grant('vector')) {
        for (const each of done) this.#unkeep(each.cpu, each.vector);
        return fail('ENOSPC', `CPU ${cpu} has no vector to keep for a managed interrupt`);
      }
      const { map, managedMap } = this.#at(cpu);
      setBit(managedMap, vector);
      map.managed += 1;
      this.#changeAvailable(cpu, -1);
      done.push({ cpu, vector });
    }
    return ok();
  }

  /** irq_matrix_remove_managed(): gives back one vector kept and not in use on every CPU of `mask`. */
  removeManaged(mask: CpuMask): void {
    for (const cpu of cpusOf(mask)) this.#unkeep(cpu, this.#keptVector(cpu));
  }

  #unkeep(cpu: number, vector: number): void {
    const { map, managedMap } = this.#at(cpu);
    if (vector === -1) throw new ModelError(`CPU ${cpu} keeps no vector for a managed interrupt that is gone`);
    clearBit(managedMap, vector);
    map.managed -= 1;
    this.#changeAvailable(cpu, 1);
  }

  /** irq_matrix_alloc_managed(): on the CPU of `mask` with fewest managed interrupts, one of the vectors kept there. */
  allocManaged(mask: CpuMask): Result<VectorTarget, 'EINVAL' | 'ENOSPC'> {
    if (mask === 0n) return fail('EINVAL', 'a managed vector on no CPU');
    let cpu = -1;
    for (const each of cpusOf(mask)) {
      const map = this.#cpus[each]?.map;
      if (map?.online && (cpu === -1 || map.managedAllocated < this.#at(cpu).map.managedAllocated)) cpu = each;
    }
    const vector = cpu === -1 ? -1 : this.#keptVector(cpu);
    if (vector === -1) return fail('ENOSPC', `no vector is kept for managed interrupts on CPUs ${cpusOf(mask).join(',')}`);
    const { map, allocMap } = this.#at(cpu);
    setBit(allocMap, vector);
    map.allocated += 1;
    map.managedAllocated += 1;
    this.counters.totalAllocated += 1;
    return ok({ cpu, vector });
  }

  /** What `irq_matrix_debug_show()` prints of a CPU. */
  cpu(cpu: number): CpuMap & { readonly vectors: readonly number[] } {
    const { map, allocMap } = this.#at(cpu);
    return { ...map, vectors: bitsOf(allocMap) };
  }

  get systemVectors(): readonly number[] {
    return bitsOf(this.#system);
  }

  #at(cpu: number): Cpu {
    const found = this.#cpus[cpu];
    if (found === undefined) throw new ModelError(`CPU ${cpu} is not one of ${this.#cpus.length}`);
    return found;
  }

  #changeAvailable(cpu: number, by: number): void {
    const { map } = this.#at(cpu);
    // Before it was first online nothing is counted yet.
    if (map.initialized) map.available += by;
    if (map.online) this.counters.globalAvailable += by;
  }

  /** matrix_find_best_cpu() */
  #bestCpu(mask: CpuMask): number {
    let best = -1;
    let most = 0;
    for (const cpu of cpusOf(mask)) {
      const map = this.#cpus[cpu]?.map;
      if (map === undefined || !map.online || map.available <= most) continue;
      best = cpu;
      most = map.available;
    }
    return best;
  }

  #freeVector(cpu: number): number {
    const { allocMap, managedMap } = this.#at(cpu);
    for (let word = this.first >>> 5; word < WORDS; word++) {
      const taken = wordAt(allocMap, word) | wordAt(managedMap, word) | wordAt(this.#system, word);
      const vector = this.#lowestIn(word, ~taken);
      if (vector !== -1) return vector;
    }
    return -1;
  }

  /** Kept for a managed interrupt and not in use. */
  #keptVector(cpu: number): number {
    const { allocMap, managedMap } = this.#at(cpu);
    for (let word = 0; word < WORDS; word++) {
      const vector = this.#lowestIn(word, wordAt(managedMap, word) & ~wordAt(allocMap, word));
      if (vector !== -1) return vector;
    }
    return -1;
  }

  /** The lowest vector of the range whose bit is set in `bits` of a word. */
  #lowestIn(word: number, bits: number): number {
    let left = bits;
    if (word === this.first >>> 5) left &= -1 << (this.first & 31);
    if (left === 0) return -1;
    const vector = word * 32 + 31 - Math.clz32(left & -left);
    return vector < this.end ? vector : -1;
  }
}
