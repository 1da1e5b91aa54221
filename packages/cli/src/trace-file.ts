// --trace FILE: one JSON object a line for every crossing between layers.
import { closeSync, openSync, writeSync } from 'node:fs';
import { traceLine } from '@siov/base';
import type { TraceEvent } from '@siov/base';
import { realNow } from '@siov/scenarios';
import { UsageError } from './errors.ts';

/** Written in pieces of about this many characters, and at {@link TraceFile.flush}. */
const BUFFER = 1 << 16;

export class TraceFile {
  readonly #fd: number;
  #lines: string[] = [];
  #size = 0;
  readonly #path: string;
  #failed = false;

  /** Throws {@link UsageError} when the file cannot be written. */
  constructor(path: string) {
    this.#path = path;
    try {
      this.#fd = openSync(path, 'w');
    } catch (error) {
      throw new UsageError(`cannot write the trace to ${path}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`, { cause: error });
    }
  }

  /** For `HostOptions.trace`. */
  get options(): { now: () => number; sink: (event: TraceEvent) => void } {
    return { now: realNow, sink: (event) => this.#add(event) };
  }

  /** A file that takes no more is reported once and left as it is: what it traces goes on. */
  flush(): void {
    const text = this.#lines.join('');
    this.#lines = [];
    this.#size = 0;
    if (text === '' || this.#failed) return;
    try {
      writeSync(this.#fd, text);
    } catch (error) {
      this.#failed = true;
      process.exitCode = 1;
      process.stderr.write(`siov: cannot write the trace to ${this.#path}: ${(error as NodeJS.ErrnoException).code ?? String(error)}\n`);
    }
  }

  close(): void {
    this.flush();
    closeSync(this.#fd);
  }

  #add(event: TraceEvent): void {
    const line = `${traceLine(event)}\n`;
    this.#lines.push(line);
    this.#size += line.length;
    if (this.#size > BUFFER) this.flush();
  }
}
