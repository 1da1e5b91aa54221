// 32-bit words as cells: looks and behaves like a Uint32Array, each word a cell of its own from its first access on.
import { ModelError } from '@siov/base';
import type { Cells } from './cells.ts';
import type { CellStore } from './tracked-state.ts';

export interface WordsOptions {
  readonly name: string;
  readonly length: number;
  readonly initial: number;
  readonly cells: Cells;
  readonly store: CellStore;
  readonly recording: () => boolean;
}

/** What works on anything with a length and elements, and so on these words. */
const GENERIC = [
  'at', 'entries', 'every', 'fill', 'find', 'findIndex', 'findLast', 'findLastIndex', 'forEach', 'includes', 'indexOf', 'join', 'keys',
  'lastIndexOf', 'reduce', 'reduceRight', 'some', 'values', 'copyWithin', 'reverse',
] as const;

export function trackedWords(options: WordsOptions): Uint32Array {
  return wordsView(options, 0, options.length);
}

function wordsView(options: WordsOptions, offset: number, length: number): Uint32Array {
  const { name, initial, cells, store, recording } = options;
  const group = cells.group(`${name}[`);
  const cellOf = (index: number) => (group[offset + index] ??= cells.of(`${name}[${offset + index}]`, initial));
  const read = (index: number) => (group[offset + index] === undefined && !recording() ? initial : (store.read(cellOf(index)) as number));
  const write = (index: number, value: number) => {
    const word = value >>> 0;
    if (word === initial && group[offset + index] === undefined && !recording()) return;
    store.write(cellOf(index), word);
  };
  const methods = new Map<PropertyKey, unknown>([['length', length], ['BYTES_PER_ELEMENT', 4], ['byteLength', 4 * length]]);
  const proxy = new Proxy(new Uint32Array(0), {
    get(target, property) {
      const index = indexOf(property);
      if (index >= 0) return index < length ? read(index) : undefined;
      const method = methods.get(property);
      if (method !== undefined) return method;
      if (typeof property === 'symbol' || property === 'constructor') return Reflect.get(Uint32Array.prototype, property, target) as unknown;
      throw new ModelError(`${name}: words under the explorer have no ${property}`);
    },
    set(_target, property, value) {
      const index = indexOf(property);
      // As of a Uint32Array: what is beyond its end is ignored.
      if (index >= 0 && index < length) write(index, Number(value));
      return index >= 0;
    },
    has: (_target, property) => indexOf(property) >= 0 && indexOf(property) < length,
  });
  for (const method of GENERIC) methods.set(method, (Array.prototype[method] as (...given: unknown[]) => unknown).bind(proxy));
  methods.set(Symbol.iterator, Array.prototype.values.bind(proxy));
  const range = (from = 0, to = length) => {
    const clip = (at: number) => Math.min(Math.max(at < 0 ? length + at : at, 0), length);
    return { from: clip(from), to: Math.max(clip(from), clip(to)) };
  };
  methods.set('slice', (first?: number, last?: number) => {
    const { from, to } = range(first, last);
    return Uint32Array.from({ length: to - from }, (_, index) => read(from + index));
  });
  methods.set('subarray', (first?: number, last?: number) => {
    const { from, to } = range(first, last);
    return wordsView(options, offset + from, to - from);
  });
  methods.set('map', (change: (word: number, index: number) => number) => Uint32Array.from({ length }, (_, index) => change(read(index), index)));
  methods.set('set', (from: ArrayLike<number>, at = 0) => {
    if (at < 0 || at + from.length > length) throw new RangeError('offset is out of bounds');
    for (let index = 0; index < from.length; index++) write(at + index, from[index] ?? 0);
  });
  return proxy;
}

/** -1: not the name of an element. */
function indexOf(property: string | symbol): number {
  if (typeof property !== 'string') return -1;
  const first = property.charCodeAt(0);
  return first >= 48 && first <= 57 ? Number(property) : -1;
}
