// Interrupt handles: what a descriptor names instead of a table entry. Where Request Interrupt Handle does not exist the
// handle is the index; where it does, a handle is good from its request to its release or revocation (DSA spec 3.0 §3.7).
import type { StatePort } from '@siov/base';
import { COMMAND } from '@siov/datasheet';
import type { DsaLayout } from '@siov/datasheet';
import type { InterruptEntry } from './interrupt-delivery.ts';

export class InterruptHandles {
  readonly #layout: DsaLayout;
  readonly #granted: { readonly msix: Uint32Array; readonly ims: Uint32Array };
  readonly #series: { second: boolean };

  constructor(state: StatePort, name: string, layout: DsaLayout) {
    this.#layout = layout;
    this.#granted = {
      msix: state.words(`${name}/handles/msix`, (layout.msixEntries + 31) >>> 5),
      ims: state.words(`${name}/handles/ims`, (layout.imsEntries + 31) >>> 5),
    };
    this.#series = state.record(`${name}/handles`, { second: false });
  }

  /** Handles have to be asked for. */
  get required(): boolean {
    return ((this.#layout.commands >>> COMMAND.REQUEST_INTERRUPT_HANDLE) & 1) === 1;
  }

  /** The handle of a table entry, from now on valid; undefined when there is no such entry. Asking again gives it again. */
  request(entry: InterruptEntry): number | undefined {
    if (entry.index >= this.#size(entry.ims)) return undefined;
    this.#mark(entry, true);
    return entry.index + this.#base(entry.ims);
  }

  /**
   * Makes a handle invalid. Software gives the table index (the specification) or the handle (Linux); both are taken.
   * False when neither is one.
   */
  release({ ims, index }: InterruptEntry): boolean {
    const base = this.#base(ims);
    const entry = index >= base && index < base + this.#size(ims) ? index - base : index;
    if (entry >= this.#size(ims)) return false;
    this.#mark({ ims, index: entry }, false);
    return true;
  }

  /** The entry a descriptor's handle names, or undefined when the handle is not valid (DSA spec 3.0 table 5-2). */
  entryOf(ims: boolean, handle: number): InterruptEntry | undefined {
    const index = handle - this.#base(ims);
    if (index < 0 || index >= this.#size(ims)) return undefined;
    if (this.required && !this.#isGranted({ ims, index })) return undefined;
    return { ims, index };
  }

  /** Takes all handles back; those given from now on differ from the last ones. */
  revoke(): void {
    this.forget();
    this.#series.second = !this.#series.second;
  }

  /** No handle is given out, as after power-on but for the numbers the next ones get. */
  forget(): void {
    for (const words of [this.#granted.msix, this.#granted.ims]) {
      for (let index = 0; index < words.length; index++) words[index] = 0;
    }
  }

  #size(ims: boolean): number {
    return ims ? this.#layout.imsEntries : this.#layout.msixEntries;
  }

  /** Two series of numbers that have no handle in common are enough to tell old from new. */
  #base(ims: boolean): number {
    return this.#series.second ? this.#size(ims) : 0;
  }

  #words(ims: boolean): Uint32Array {
    return ims ? this.#granted.ims : this.#granted.msix;
  }

  #isGranted({ ims, index }: InterruptEntry): boolean {
    return (((this.#words(ims)[index >>> 5] ?? 0) >>> (index & 31)) & 1) === 1;
  }

  #mark({ ims, index }: InterruptEntry, granted: boolean): void {
    const words = this.#words(ims);
    const bit = 1 << (index & 31);
    const word = words[index >>> 5] ?? 0;
    words[index >>> 5] = granted ? word | bit : word & ~bit;
  }
}
