// What takes long says so on standard error: overwritten in a terminal, a line for each stage elsewhere.
import type { ProvisionEvent } from '@siov/guest-harness';

const MIB = 2 ** 20;

export class Progress {
  readonly #shown: boolean;
  readonly #terminal = process.stderr.isTTY;
  #stage = '';
  #open = false;

  constructor(shown: boolean) {
    this.#shown = shown;
  }

  say(text: string): void {
    this.#line(text, text);
  }

  /** Shown also where progress is not. */
  warn(text: string): void {
    this.done();
    process.stderr.write(`${text}\n`);
  }

  provisioning(event: ProvisionEvent): void {
    switch (event.stage) {
      case 'wait':
        return this.say(event.message);
      case 'index':
        return this.#line('index', `fetching the package index: ${(event.bytes / MIB).toFixed(1)} MiB`);
      case 'download':
        return this.#line(`download ${event.what}`, `downloading ${event.what}: ${(event.bytes / MIB).toFixed(1)} of ${(event.total / MIB).toFixed(1)} MiB`);
      case 'unpack':
        return this.say(`unpacking ${event.what}`);
      case 'ready':
        return this.say(`${event.what} is ready in ${event.folder}`);
      case 'warning':
        return this.warn(event.message);
    }
  }

  /** Ends an overwritten line. */
  done(): void {
    if (this.#open) process.stderr.write('\r\u001B[K');
    this.#open = false;
    this.#stage = '';
  }

  #line(stage: string, text: string): void {
    if (!this.#shown) return;
    if (this.#terminal) {
      process.stderr.write(`\r\u001B[K${text}`);
      this.#open = true;
    } else if (stage !== this.#stage) process.stderr.write(`${text}\n`);
    this.#stage = stage;
  }
}
