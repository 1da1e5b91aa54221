// Whether two machines are in the same state, although no object of the one is an object of the other: what each piece
// of state holds as text, other objects by the name of their class.

/** By the name of the piece; of pieces with one name the youngest counts. */
export function digestOf(pieces: Iterable<readonly [name: string, content: unknown]>): Map<string, string> {
  const digest = new Map<string, string>();
  for (const [name, content] of pieces) digest.set(name, textOf(content, DEPTH));
  return digest;
}

/** Deeper nothing is compared: records that hold each other would never end. */
const DEPTH = 4;

function textOf(value: unknown, depth: number): string {
  if (typeof value === 'number') return String(value);
  if (value instanceof Uint32Array) return value.join();
  if (typeof value === 'bigint') return `${value}n`;
  if (typeof value === 'function' || typeof value === 'symbol') return typeof value;
  if (typeof value !== 'object' || value === null) return JSON.stringify(value) ?? 'undefined';
  if (depth === 0) return '...';
  if (Array.isArray(value)) return `[${value.map((each) => textOf(each, depth - 1)).join()}]`;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return value.constructor.name;
  return `{${Object.entries(value).map(([key, each]) => `${key}:${textOf(each, depth - 1)}`).join()}}`;
}
