// The work queues' storage: what is accepted, and in which order it leaves. Configuration and state are in WQCFG.
import type { StatePort } from '@siov/base';
import { decodeDescriptor, DESCRIPTOR_SIZE, DescriptorPasid, DEVICE_STATE, GENSTS, WQ_STATE, Wqcfg } from '@siov/datasheet';
import type { Portal } from '@siov/datasheet';
import type { DeviceRegisters } from './device-registers.ts';
import type { Submitter, Work } from './work.ts';

/** A queued descriptor takes its 16 words and one for the kind of portal it came through. */
const WORDS = DESCRIPTOR_SIZE / 4;
const ENTRY_WORDS = WORDS + 1;

export type Refusal = 'not-accepting' | 'full';

export class WorkQueues {
  readonly #registers: DeviceRegisters;
  readonly #queues: readonly { entries: readonly number[] }[];

  constructor(state: StatePort, name: string, registers: DeviceRegisters) {
    this.#registers = registers;
    this.#queues = Array.from({ length: registers.layout.wqs }, (_each, wq) =>
      state.record(`${name}/wq${wq}`, { entries: [] as readonly number[] }),
    );
  }

  /** Descriptors that wait in the queue. */
  occupancy(wq: number): number {
    return (this.#queues[wq]?.entries.length ?? 0) / ENTRY_WORDS;
  }

  /**
   * Puts a descriptor in its queue, or says why not. `dedicated`: the kind of queue this kind of write is for. A
   * dedicated queue takes up to its size through any portal, a shared one up to its threshold through a limited one
   * (DSA spec 3.0 §5.3).
   */
  accept({ wq, limited, ims }: Portal, dedicated: boolean, descriptor: Uint8Array): Refusal | undefined {
    const queue = this.#queues[wq];
    if (queue === undefined || !this.#accepting(wq) || this.dedicated(wq) !== dedicated) return 'not-accepting';
    if (ims && this.#registers.layout.imsEntries === 0) return 'not-accepting';
    const size = Wqcfg.Size.size.get(this.#registers.wq(wq, Wqcfg.Size));
    const threshold = Wqcfg.Threshold.threshold.get(this.#registers.wq(wq, Wqcfg.Threshold));
    const limit = limited && !dedicated ? Math.min(threshold, size) : size;
    if (this.occupancy(wq) >= limit) return 'full';
    const view = new DataView(descriptor.buffer, descriptor.byteOffset, DESCRIPTOR_SIZE);
    const words = Array.from({ length: WORDS }, (_each, index) => view.getUint32(4 * index, true));
    queue.entries = [...queue.entries, ...words, ims ? 1 : 0];
    return undefined;
  }

  /** Takes the oldest descriptor out. The queue must not be empty. */
  take(wq: number, engine: number): Work {
    const queue = this.#queues[wq] as { entries: readonly number[] };
    const bytes = new Uint8Array(DESCRIPTOR_SIZE);
    const view = new DataView(bytes.buffer);
    for (let index = 0; index < WORDS; index++) view.setUint32(4 * index, queue.entries[index] as number, true);
    const ims = queue.entries[WORDS] === 1;
    queue.entries = queue.entries.slice(ENTRY_WORDS);
    const submitter = this.submitter(wq, view.getUint32(0, true));
    return { engine, wq, ims, submitter, bytes, descriptor: decodeDescriptor(bytes), batchIndex: undefined, earlierLogged: false };
  }

  /** Abandons waiting descriptors: those of `pasid` only, if one is given. */
  drop(wq: number, pasid?: number): void {
    const queue = this.#queues[wq] as { entries: readonly number[] };
    if (pasid === undefined) {
      queue.entries = [];
      return;
    }
    queue.entries = queue.entries.filter((_word, index) => {
      const first = queue.entries[index - (index % ENTRY_WORDS)] as number;
      return this.submitter(wq, first).pasid !== pasid;
    });
  }

  dedicated(wq: number): boolean {
    return Wqcfg.Mode.dedicated.get(this.#registers.wq(wq, Wqcfg.Mode)) === 1;
  }

  state(wq: number): number {
    return Wqcfg.Status.state.get(this.#registers.wq(wq, Wqcfg.Status));
  }

  setState(wq: number, state: number): void {
    const held = this.#registers.wq(wq, Wqcfg.Status);
    this.#registers.setWq(wq, Wqcfg.Status, Wqcfg.Status.state.set(held, state));
  }

  /** Engines may work on it: enabled, or being drained. */
  runs(wq: number): boolean {
    return this.state(wq) !== WQ_STATE.DISABLED;
  }

  #accepting(wq: number): boolean {
    return GENSTS.state.get(this.#registers.get(GENSTS)) === DEVICE_STATE.ENABLED && this.state(wq) === WQ_STATE.ENABLED;
  }

  /** In whose name a descriptor acts: the queue's where it is dedicated, otherwise that of its own first word. */
  submitter(wq: number, firstWord: number): Submitter {
    const mode = this.#registers.wq(wq, Wqcfg.Mode);
    const { dedicated, pasidEnable, pasid, priv } = Wqcfg.Mode;
    const enabled = pasidEnable.get(mode) === 1;
    if (dedicated.get(mode) === 1) return { pasid: enabled ? pasid.get(mode) : null, priv: priv.get(mode) === 1 };
    const own = DescriptorPasid.image(firstWord);
    return { pasid: enabled ? DescriptorPasid.pasid.get(own) : null, priv: DescriptorPasid.priv.get(own) === 1 };
  }
}
