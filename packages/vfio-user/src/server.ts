// A vfio-user server on Node's main event loop: one device, one client at a time, ready for the next when it leaves.
import { ok } from '@siov/base';
import type { Result, Steps, Trace } from '@siov/base';
import type { VfioDevice } from '@siov/vfio';
import { Connection } from './connection.ts';
import { newCounters } from './events.ts';
import type { Counters, VfioUserEvent } from './events.ts';
import { DEFAULT_LIMITS } from './limits.ts';
import type { Limits } from './limits.ts';
import { listenUnix } from './listener.ts';
import type { Listener, ListenError } from './listener.ts';
import { refuse } from './refusal.ts';
import { closeFd } from './sys.ts';

export interface ServeOptions {
  /** At most 107 bytes. A socket file that a dead server left is replaced. */
  readonly socketPath: string;
  readonly device: VfioDevice;
  /**
   * Runs a device call to its end and everything that follows from it, e.g. `executor.run(agent, steps)` and then
   * `executor.settle()`. The reply goes when it returns; what it throws becomes an EIO reply.
   */
  readonly run: <T>(steps: Steps<T>) => T;
  /** Told everything that happens. Called while requests are handled: be quick, and do not throw. */
  readonly onEvent?: (event: VfioUserEvent) => void;
  /** Device calls are recorded as made from layer `vfio-user`. */
  readonly trace?: Trace;
  readonly limits?: Partial<Limits>;
  /** Milliseconds a client may owe the rest of a message, the reading of replies, or VERSION; 10000 unless said. */
  readonly idleLimit?: number;
}

const LAYER = 'vfio-user';
/** Clients that are being turned away with an answer; more are closed without one. */
const MAX_REFUSALS = 8;
const IDLE_LIMIT = 10_000;

export class VfioUserServer {
  readonly socketPath: string;
  readonly #options: ServeOptions;
  readonly #counters = newCounters();
  #listener: Listener | undefined;
  #client: Connection | undefined;
  #refusals = 0;

  private constructor(options: ServeOptions) {
    this.#options = options;
    this.socketPath = options.socketPath;
  }

  /** Use {@link serveVfioUser}. */
  static start(options: ServeOptions): Result<VfioUserServer, ListenError> {
    const server = new VfioUserServer(options);
    const listener = listenUnix({
      socketPath: options.socketPath,
      onClient: (fd) => server.#accept(fd),
      onError: (error) => server.#emit({ kind: 'server-error', error }),
    });
    if (!listener.ok) return listener;
    server.#listener = listener.value;
    server.#emit({ kind: 'listening', socketPath: options.socketPath });
    return ok(server);
  }

  /** Whether a client is connected. */
  get attached(): boolean {
    return this.#client !== undefined;
  }

  get counters(): Readonly<Counters> {
    return this.#counters;
  }

  /** Stops listening, removes the socket file, drops the client and releases the device. Again is harmless. */
  close(): void {
    if (this.#listener === undefined) return;
    this.#listener.close();
    this.#listener = undefined;
    this.#client?.close('the server was closed');
    this.#emit({ kind: 'closed' });
  }

  #accept(fd: number): void {
    this.#client?.endIfGone();
    if (this.#client === undefined) this.#attach(fd);
    else this.#refuse(fd);
  }

  #refuse(fd: number): void {
    if (this.#refusals >= MAX_REFUSALS) closeFd(fd);
    else {
      this.#refusals += 1;
      refuse(fd, () => void (this.#refusals -= 1));
    }
    this.#emit({ kind: 'refused' });
  }

  #attach(fd: number): void {
    const { device, run, trace, limits, idleLimit, onEvent } = this.#options;
    this.#client = new Connection({
      fd,
      device,
      run,
      ...(trace === undefined ? {} : { wrap: <T>(operation: string, steps: Steps<T>) => trace.cross(LAYER, operation, {}, steps) }),
      ...(onEvent === undefined ? {} : { onEvent }),
      limits: { ...DEFAULT_LIMITS, ...limits },
      counters: this.#counters,
      idleLimit: idleLimit ?? IDLE_LIMIT,
      onEnd: (reason) => {
        this.#client = undefined;
        this.#emit({ kind: 'detached', reason });
      },
    });
    this.#emit({ kind: 'attached' });
  }

  #emit(event: VfioUserEvent): void {
    this.#options.onEvent?.(event);
  }
}

/**
 * Serves `device` on a UNIX socket. Keeps the process alive until {@link VfioUserServer.close}. Main thread only.
 * `EINVAL`: path too long; `ENOENT`: no such directory; `EACCES`: not writable; `EADDRINUSE`: another server listens
 * there; `EEXIST`: the path is no socket; `EIO`: anything else.
 */
export function serveVfioUser(options: ServeOptions): Result<VfioUserServer, ListenError> {
  return VfioUserServer.start(options);
}
