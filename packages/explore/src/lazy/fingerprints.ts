// States that were seen, each as 128 bits that change with every cell: two states with the same bits are taken for one, which
// for a billion states happens with a probability below 2^-68.

/** A state's 128 bits, changed in place when a cell changes. */
export class Fingerprint {
  a = 0;
  b = 0;
  c = 0;
  d = 0;

  /** Takes a value of a place out, or puts it in: the same either way. */
  toggle(place: number, value: number): void {
    const x = mix(Math.imul(place, 0x9e3779b1) ^ Math.imul(value, 0x85ebca77));
    const y = mix(Math.imul(value, 0xc2b2ae3d) + Math.imul(place, 0x27d4eb2f) + 0x165667b1);
    this.a ^= x;
    this.b ^= y;
    this.c ^= mix(x + Math.imul(y, 5) + place);
    this.d ^= mix(y ^ Math.imul(x, 9) ^ value);
  }
}

function mix(word: number): number {
  let mixed = word ^ (word >>> 16);
  mixed = Math.imul(mixed, 0x7feb352d);
  mixed ^= mixed >>> 15;
  mixed = Math.imul(mixed, 0x846ca68b);
  return mixed ^ (mixed >>> 16);
}

/** A set of fingerprints, each with a number from 0 on. */
export class FingerprintSet {
  #words = new Int32Array(4 * 4096);
  /** Number of what is there, plus one. */
  #numbers = new Int32Array(4096);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#words.byteLength + this.#numbers.byteLength;
  }

  /** Its number, and whether it is new. */
  add({ a, b, c, d }: Fingerprint): { readonly number: number; readonly fresh: boolean } {
    const mask = this.#numbers.length - 1;
    for (let at = a & mask; ; at = (at + 1) & mask) {
      const number = this.#numbers[at] as number;
      const words = this.#words;
      const base = at * 4;
      if (number === 0) {
        words[base] = a;
        words[base + 1] = b;
        words[base + 2] = c;
        words[base + 3] = d;
        this.#numbers[at] = ++this.#size;
        if (this.#size * 4 > this.#numbers.length * 3) this.#grow();
        return { number: this.#size - 1, fresh: true };
      }
      if (words[base] === a && words[base + 1] === b && words[base + 2] === c && words[base + 3] === d) return { number: number - 1, fresh: false };
    }
  }

  #grow(): void {
    const [words, numbers] = [this.#words, this.#numbers];
    this.#words = new Int32Array(words.length * 2);
    this.#numbers = new Int32Array(numbers.length * 2);
    const mask = this.#numbers.length - 1;
    for (let from = 0; from < numbers.length; from++) {
      if (numbers[from] === 0) continue;
      let at = (words[from * 4] as number) & mask;
      while (this.#numbers[at] !== 0) at = (at + 1) & mask;
      this.#numbers[at] = numbers[from] as number;
      this.#words.set(words.subarray(from * 4, from * 4 + 4), at * 4);
    }
  }
}
