// Bits in 32-bit words. Callers stay within the words.

export function wordAt(words: Uint32Array, index: number): number {
  return words[index] as number;
}

export function hasBit(words: Uint32Array, bit: number): boolean {
  return ((wordAt(words, bit >>> 5) >>> (bit & 31)) & 1) === 1;
}

export function setBit(words: Uint32Array, bit: number): void {
  words[bit >>> 5] = wordAt(words, bit >>> 5) | (1 << (bit & 31));
}

export function clearBit(words: Uint32Array, bit: number): void {
  words[bit >>> 5] = wordAt(words, bit >>> 5) & ~(1 << (bit & 31));
}

export function bitsOf(words: Uint32Array): number[] {
  const found: number[] = [];
  for (let bit = 0; bit < words.length * 32; bit++) if (hasBit(words, bit)) found.push(bit);
  return found;
}

export function countBits(words: Uint32Array, from: number, end: number): number {
  return bitsOf(words).filter((bit) => bit >= from && bit < end).length;
}
