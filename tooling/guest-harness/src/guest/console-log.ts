// The guest's serial console: the kernel's log and nothing else. It is parsed for one thing only, the reason of a death.

const TAIL_LINES = 200;

/** Collects console output line by line, keeping the last lines. */
export class ConsoleLog {
  readonly #onLine: (line: string) => void;
  #lines: string[] = [];
  #partial = '';

  constructor(onLine: (line: string) => void = () => undefined) {
    this.#onLine = onLine;
  }

  push(chunk: Buffer): void {
    const pieces = (this.#partial + chunk.toString('latin1')).split(/\r*\n/);
    this.#partial = pieces.pop() ?? '';
    for (const line of pieces) {
      this.#lines.push(line);
      this.#onLine(line);
    }
    if (this.#lines.length > 2 * TAIL_LINES) this.#lines = this.#lines.slice(-TAIL_LINES);
  }

  /** The last `count` lines, the unfinished one included. */
  tail(count = 30): string[] {
    return [...this.#lines, ...(this.#partial ? [this.#partial] : [])].slice(-count);
  }

  /** The kernel's panic line without its time stamp, if it panicked. */
  get panic(): string | undefined {
    const line = this.tail(2 * TAIL_LINES).find((text) => /Kernel panic - not syncing/.test(text));
    return line?.replace(/^\[[^\]]*\]\s*/, '');
  }
}
