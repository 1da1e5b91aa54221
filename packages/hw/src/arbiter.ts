// Which queue an engine serves next: of its group's queues that have work, one with the highest priority, and among equals
// the one after the last that was served (DSA spec 3.0 §3.9 leaves the order between queues open).
import type { StatePort } from '@siov/base';
import { DEVICE_STATE, GENSTS, Grpcfg, Wqcfg } from '@siov/datasheet';
import type { DeviceRegisters } from './device-registers.ts';
import type { WorkQueues } from './work-queues.ts';

export class Arbiter {
  readonly #registers: DeviceRegisters;
  readonly #queues: WorkQueues;
  /** By group: the queue served last. */
  readonly #last: Uint32Array;

  constructor(state: StatePort, name: string, parts: { registers: DeviceRegisters; queues: WorkQueues }) {
    this.#registers = parts.registers;
    this.#queues = parts.queues;
    this.#last = state.words(`${name}/arbiter`, parts.registers.layout.groups);
  }

  /** The queue this engine takes a descriptor from now, or undefined when there is none. Changes nothing. */
  choose(engine: number): number | undefined {
    const state = GENSTS.state.get(this.#registers.get(GENSTS));
    if (state !== DEVICE_STATE.ENABLED && state !== DEVICE_STATE.DRAINING) return undefined;
    const group = this.#groupOf(engine);
    return group === undefined ? undefined : this.#best(group);
  }

  /** Notes that this queue had its turn. */
  served(engine: number, wq: number): void {
    const group = this.#groupOf(engine);
    if (group !== undefined) this.#last[group] = wq;
  }

  #groupOf(engine: number): number | undefined {
    for (let group = 0; group < this.#registers.layout.groups; group++) {
      if (has(this.#registers.group(group, Grpcfg.Engines), engine)) return group;
    }
    return undefined;
  }

  #best(group: number): number | undefined {
    const { wqs } = this.#registers.layout;
    let best: { wq: number; priority: number } | undefined;
    for (let turn = 1; turn <= wqs; turn++) {
      const wq = ((this.#last[group] ?? 0) + turn) % wqs;
      if (!this.#inGroup(group, wq) || !this.#queues.runs(wq) || this.#queues.occupancy(wq) === 0) continue;
      const priority = Wqcfg.Mode.priority.get(this.#registers.wq(wq, Wqcfg.Mode));
      if (best === undefined || priority > best.priority) best = { wq, priority };
    }
    return best?.wq;
  }

  #inGroup(group: number, wq: number): boolean {
    const word = Grpcfg.Wqs[(wq >>> 6) as 0 | 1 | 2 | 3];
    return has(this.#registers.group(group, word), wq & 63);
  }
}

function has(bitmap: bigint, bit: number): boolean {
  return ((bitmap >> BigInt(bit)) & 1n) === 1n;
}
