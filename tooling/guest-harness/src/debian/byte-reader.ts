// Exact-length reads over a stream of chunks.

/** Takes and skips exact byte counts from an async source of chunks. */
export class ByteReader {
  readonly #source: AsyncIterator<Uint8Array>;
  #chunk: Uint8Array = new Uint8Array();

  constructor(source: AsyncIterable<Uint8Array>) {
    this.#source = source[Symbol.asyncIterator]();
  }

  /** The next `count` bytes; fewer only when the source ended. */
  async take(count: number): Promise<Buffer> {
    const parts: Uint8Array[] = [];
    await this.#consume(count, (part) => parts.push(part));
    return Buffer.concat(parts);
  }

  /** Passes over `count` bytes, or over what is left. */
  async skip(count: number): Promise<void> {
    await this.#consume(count, () => undefined);
  }

  async #consume(count: number, use: (part: Uint8Array) => unknown): Promise<void> {
    let left = count;
    while (left > 0) {
      if (this.#chunk.length === 0) {
        const next = await this.#source.next();
        if (next.done) return;
        this.#chunk = next.value;
      }
      const part = this.#chunk.subarray(0, left);
      use(part);
      this.#chunk = this.#chunk.subarray(part.length);
      left -= part.length;
    }
  }
}
