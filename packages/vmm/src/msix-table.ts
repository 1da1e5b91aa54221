// The guest's view of the MSI-X table, kept by the VMM: the device never sees it. Masking and pending are done here, and
// a change of either tells whoever provides the vectors (QEMU hw/pci/msix.c).
import { bit, bits, register, RegisterFile } from '@siov/base';
import type { AccessSize, StatePort, Steps } from '@siov/base';
import type { Message } from './posting.ts';

const ENTRY_SIZE = 16;
const SOURCE = 'PCI Local Bus 3.0 6.8.2';
const AddressLo = register('MSI-X address low', { offset: 0, source: SOURCE }, { value: bits(31, 2) });
const AddressHi = register('MSI-X address high', { offset: 4, source: SOURCE }, { value: bits(31, 0) });
const Data = register('MSI-X data', { offset: 8, source: SOURCE }, { value: bits(31, 0) });
const Control = register('MSI-X vector control', { offset: 12, reset: 1, source: SOURCE }, { mask: bit(0) });

/** Told when a vector can fire for the guest, and when it no longer can (msix_set_vector_notifiers()). */
export interface VectorNotifier {
  use(vector: number): Steps<void>;
  release(vector: number): Steps<void>;
  /** The guest changed the message of a vector that can fire. */
  message?(vector: number): Steps<void>;
}

export class MsixTable {
  readonly size: number;
  readonly #file: RegisterFile;
  readonly #function: { enabled: boolean; masked: boolean; pending: readonly number[] };
  readonly #notifier: VectorNotifier;
  readonly #deliver: (address: bigint, data: number) => Steps<void>;

  /** `deliver` sends a message to the guest's interrupt controller. */
  constructor(state: StatePort, name: string, size: number, notifier: VectorNotifier, deliver: (address: bigint, data: number) => Steps<void>) {
    this.size = size;
    const entry = (index: number) => [AddressLo, AddressHi, Data, Control].map((each) => ({ at: index * ENTRY_SIZE + each.offset, register: each }));
    this.#file = new RegisterFile(state, `${name}/msix`, size * ENTRY_SIZE, Array.from({ length: size }, (_, index) => entry(index)).flat());
    this.#function = state.record(`${name}/msix-function`, { enabled: false, masked: false, pending: [] as readonly number[] });
    this.#notifier = notifier;
    this.#deliver = deliver;
  }

  get enabled(): boolean {
    return this.#function.enabled;
  }

  get functionMasked(): boolean {
    return this.#function.masked;
  }

  /** Bytes of the table. */
  get bytes(): number {
    return this.size * ENTRY_SIZE;
  }

  /** Bytes of the pending bit array: whole words of 64 vectors. */
  get pendingBytes(): number {
    return Math.ceil(this.size / 64) * 8;
  }

  read(offset: number, size: AccessSize): number {
    return this.#file.read(offset, size);
  }

  /** The pending bits of the 32 vectors from `offset`, a multiple of 4, on. */
  readPending(offset: number): number {
    return this.#function.pending.reduce((word, vector) => (vector >>> 5 === offset >>> 2 ? (word | (1 << (vector & 31))) >>> 0 : word), 0);
  }

  /** The guest writes the table. A vector that becomes unmasked is used, then delivered if it was pending. */
  *write(offset: number, size: AccessSize, value: number): Steps<void> {
    const vector = Math.floor(offset / ENTRY_SIZE);
    const before = this.masked(vector);
    this.#file.write(offset, size, value);
    if (!before && offset % ENTRY_SIZE < Control.offset && this.#notifier.message !== undefined) yield* this.#notifier.message(vector);
    yield* this.#changed(vector, before);
  }

  /** The guest writes enable and function mask. Disabling forgets what is pending: it is not of the next use. */
  *control(enabled: boolean, masked: boolean): Steps<void> {
    const before = Array.from({ length: this.size }, (_, vector) => this.masked(vector));
    this.#function.enabled = enabled;
    this.#function.masked = masked;
    if (!enabled) this.#function.pending = [];
    for (const [vector, was] of before.entries()) yield* this.#changed(vector, was);
  }

  /** A vector fires: delivered, or pending while masked. */
  *notify(vector: number): Steps<void> {
    const state = this.#function;
    if (!state.enabled) return;
    if (this.masked(vector)) {
      if (!state.pending.includes(vector)) state.pending = [...state.pending, vector];
      return;
    }
    yield* this.#send(vector);
  }

  masked(vector: number): boolean {
    return !this.#function.enabled || this.#function.masked || this.entryMasked(vector);
  }

  /** The vector's own mask bit, whatever the function says. */
  entryMasked(vector: number): boolean {
    return Control.mask.get(this.#file.get(Control, vector * ENTRY_SIZE + Control.offset)) === 1;
  }

  /** What the guest's interrupt controller gets when the vector fires now. */
  message(vector: number): Message {
    const at = vector * ENTRY_SIZE;
    const high = BigInt(this.#file.get(AddressHi, at + AddressHi.offset));
    return { address: (high << 32n) | BigInt(this.#file.get(AddressLo, at + AddressLo.offset)), data: this.#file.get(Data, at + Data.offset) };
  }

  pending(vector: number): boolean {
    return this.#function.pending.includes(vector);
  }

  *#changed(vector: number, before: boolean): Steps<void> {
    const now = this.masked(vector);
    if (before === now) return;
    if (now) return yield* this.#notifier.release(vector);
    yield* this.#notifier.use(vector);
    if (!this.pending(vector)) return;
    this.#function.pending = this.#function.pending.filter((each) => each !== vector);
    yield* this.#send(vector);
  }

  *#send(vector: number): Steps<void> {
    const { address, data } = this.message(vector);
    yield* this.#deliver(address, data);
  }
}
