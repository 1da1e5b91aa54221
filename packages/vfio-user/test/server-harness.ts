// A served device on a socket in a directory of its own, and clients to it, well-behaved and raw.
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { must, runToCompletion } from '@siov/base';
import { connectVfioUser, serveVfioUser } from '../src/index.ts';
import type { ServeOptions, VfioUserClient, VfioUserEvent, VfioUserServer } from '../src/index.ts';
import { MessageSocket } from '../src/sys-message.ts';
import { closeFd, connectUnix, unixSocket } from '../src/sys.ts';
import { encodeVersion } from '../src/version.ts';
import { COMMAND, encodeRequest, Header, HEADER_SIZE } from '../src/wire.ts';
import type { HeaderValues } from '../src/wire.ts';
import { TestDevice } from './test-device.ts';

/** Waits until `holds`; fails after five seconds with `what`. */
export async function until(what: string, holds: () => boolean): Promise<void> {
  const end = performance.now() + 5000;
  while (!holds()) {
    if (performance.now() > end) throw new Error(`never happened: ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
}

export function openFds(): number {
  return readdirSync('/proc/self/fd').length;
}

/** A client that sends what it is told. */
export class RawClient {
  readonly fd = unixSocket();
  readonly #socket = new MessageSocket(this.fd, 65536);
  #arrived = Buffer.alloc(0);
  /** The server closed the connection. */
  ended = false;

  constructor(path: string) {
    connectUnix(this.fd, path);
  }

  /** How many bytes the kernel took. */
  send(bytes: Uint8Array, fds: readonly number[] = []): number {
    return this.#socket.send(bytes, fds);
  }

  negotiate(): void {
    this.send(encodeRequest(0, COMMAND.VERSION, encodeVersion({ major: 0, minor: 0, capabilities: { write_multiple: true } })));
  }

  /** The next reply; undefined when the server closed instead. */
  async reply(): Promise<(HeaderValues & { payload: Uint8Array }) | undefined> {
    await until('a reply', () => this.#poll());
    if (this.#arrived.length < HEADER_SIZE) return undefined;
    const header = must(Header.read(this.#arrived), 'reading a header');
    await until('the rest of a reply', () => this.#poll() && this.#arrived.length >= header.size);
    const payload = this.#arrived.subarray(HEADER_SIZE, header.size);
    this.#arrived = this.#arrived.subarray(header.size);
    return { ...header, payload };
  }

  close(): void {
    closeFd(this.fd);
  }

  #poll(): boolean {
    try {
      const received = this.ended ? undefined : this.#socket.receive();
      if (received !== undefined) this.#arrived = Buffer.concat([this.#arrived, received.bytes]);
      this.ended ||= received?.bytes.length === 0;
    } catch {
      this.ended = true;
    }
    return this.ended || this.#arrived.length >= HEADER_SIZE;
  }
}

export class ServerHarness {
  readonly directory = mkdtempSync(join(tmpdir(), 'vu-'));
  readonly socketPath = join(this.directory, 's');
  readonly device = new TestDevice();
  readonly events: VfioUserEvent[] = [];
  readonly server: VfioUserServer;

  constructor(options: Partial<ServeOptions> = {}) {
    const { socketPath, device } = this;
    const onEvent = (event: VfioUserEvent) => void this.events.push(event);
    this.server = must(serveVfioUser({ socketPath, device, run: runToCompletion, onEvent, ...options }), 'serving');
  }

  async attach(): Promise<VfioUserClient> {
    return must(await connectVfioUser({ socketPath: this.socketPath }), 'connecting');
  }

  raw(): RawClient {
    return new RawClient(this.socketPath);
  }

  /** Why clients left, in order. */
  get detached(): string[] {
    return this.events.flatMap((event) => (event.kind === 'detached' ? [event.reason] : []));
  }

  stop(): void {
    this.server.close();
    rmSync(this.directory, { recursive: true });
  }
}
