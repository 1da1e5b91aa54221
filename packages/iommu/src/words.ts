// Words of tables, whose indices the code that computes them keeps in range.

export function wordAt(words: Uint32Array, index: number): number {
  return words[index] as number;
}
