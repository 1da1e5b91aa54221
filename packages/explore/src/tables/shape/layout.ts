// Where in a state's 32-bit words each cell's value and each agent's block is.
import type { Family } from '../learn/behaviour.ts';
import type { Learned } from '../learn/learner.ts';
import type { Minimised } from './minimise.ts';

export interface Field {
  readonly word: number;
  readonly shift: number;
  /** Of its bits, when shifted down. */
  readonly mask: number;
}

/** One agent can run in it. */
export interface Slot {
  readonly number: number;
  readonly family: Family;
  readonly name: string;
  readonly field: Field;
  /** What the field holds when nobody is there. */
  readonly ended: number;
}

export interface Layout {
  readonly words: number;
  /** By cell; cells that make no difference or have one value have none. */
  readonly cells: ReadonlyMap<number, Field>;
  readonly slots: readonly Slot[];
  /** Slots of a family, by its number. */
  readonly slotsOf: readonly (readonly Slot[])[];
  readonly initial: Int32Array;
}

export function layOut(learned: Learned, { blocks, cells }: Minimised): Layout {
  const { book, families, roots } = learned;
  const packer = new Packer();
  const wanted: { readonly bits: number; readonly put: (field: Field) => void }[] = [];
  const fields = new Map<number, Field>();
  for (const cell of cells) {
    const bits = bitsFor(book.domains.size(cell));
    if (bits > 0) wanted.push({ bits, put: (field) => fields.set(cell, field) });
  }
  const slots: Slot[] = [];
  for (const family of families) {
    const ended = blocks.ofFamily[family.number]?.length ?? 0;
    for (let index = 0; index < family.slots; index++) {
      const name = index === 0 ? family.name : `${family.name}#${index + 1}`;
      wanted.push({ bits: bitsFor(ended + 1), put: (field) => slots.push({ number: 0, family, name, field, ended }) });
    }
  }
  for (const { bits, put } of wanted.toSorted((one, other) => other.bits - one.bits)) put(packer.place(bits));
  const inOrder = families.flatMap((family) => slots.filter((slot) => slot.family === family)).map((slot, number) => ({ ...slot, number }));
  const slotsOf = families.map((family) => inOrder.filter((slot) => slot.family === family));
  const initial = new Int32Array(Math.max(packer.words, 1));
  for (const { field, ended } of inOrder) put(initial, field, ended);
  const taken = families.map(() => 0);
  for (const { family, place } of roots) {
    if (place === null) continue;
    const index = taken[family.number] as number;
    taken[family.number] = index + 1;
    const slot = slotsOf[family.number]?.[index] as Slot;
    put(initial, slot.field, blocks.ofPlace[place.number] as number);
  }
  return { words: initial.length, cells: fields, slots: inOrder, slotsOf, initial };
}

export function put(words: Int32Array, { word, shift, mask }: Field, code: number, at = 0): void {
  words[at + word] = ((words[at + word] as number) & ~(mask << shift)) | (code << shift);
}

export function get(words: Int32Array, { word, shift, mask }: Field, at = 0): number {
  return ((words[at + word] as number) >>> shift) & mask;
}

export function bitsFor(values: number): number {
  return values <= 1 ? 0 : 32 - Math.clz32(values - 1);
}

/** Fields into words, each into the first that has room; widest first they fill them well. */
class Packer {
  readonly #used: number[] = [];

  get words(): number {
    return this.#used.length;
  }

  place(bits: number): Field {
    let word = this.#used.findIndex((used) => used + bits <= 32);
    if (word < 0) word = this.#used.push(0) - 1;
    const shift = this.#used[word] as number;
    this.#used[word] = shift + bits;
    return { word, shift: bits === 0 ? 0 : shift, mask: bits === 32 ? -1 : (1 << bits) - 1 };
  }
}
