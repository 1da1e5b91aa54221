// Readiness of a raw descriptor on Node's own event loop. Node cannot watch a descriptor it did not make itself, but its
// executable exports libuv, and uv_poll on the default loop costs 4 us an event where a helper thread costs 10 to 40.
import { isMainThread } from 'node:worker_threads';
import koffi from 'koffi';
import { SysError } from './sys.ts';

const UV_POLL = 8;
const UV_READABLE = 1;
const UV_WRITABLE = 2;

interface Uv {
  readonly handleSize: number;
  readonly loop: unknown;
  init(loop: unknown, handle: unknown, fd: number): number;
  start(handle: unknown, events: number, callback: bigint): number;
  stop(handle: unknown): number;
  close(handle: unknown, callback: bigint): void;
  readonly pollCallback: ReturnType<typeof koffi.pointer>;
  readonly closeCallback: ReturnType<typeof koffi.pointer>;
}

function bind(): Uv {
  if (!isMainThread) throw new Error('vfio-user: the default event loop can only be reached from the main thread');
  const node = koffi.load(null);
  const call = (name: string, result: string, ...args: string[]) => {
    try {
      return node.func(name, result, args) as unknown as (...args: unknown[]) => never;
    } catch (cause) {
      throw new Error(`vfio-user: this node executable does not export ${name}; use an official build`, { cause });
    }
  };
  return {
    handleSize: Number(call('uv_handle_size', 'size_t', 'int')(UV_POLL)),
    loop: call('uv_default_loop', 'void *')(),
    init: call('uv_poll_init', 'int', 'void *', 'void *', 'int'),
    start: call('uv_poll_start', 'int', 'void *', 'int', 'void *'),
    stop: call('uv_poll_stop', 'int', 'void *'),
    close: call('uv_close', 'void', 'void *', 'void *'),
    pollCallback: koffi.pointer(koffi.proto('void', ['uintptr_t', 'int', 'int'])),
    closeCallback: koffi.pointer(koffi.proto('void', ['uintptr_t'])),
  };
}

let bound: Uv | undefined;

function check(call: string, result: number): void {
  if (result < 0) throw new SysError(call, -result);
}

export interface Interest {
  readonly readable: boolean;
  readonly writable: boolean;
}

/**
 * Calls `onReady` from the event loop whenever `fd` is ready in a way that is wanted (level-triggered; an error of the
 * descriptor counts as ready). Wants nothing at first. An exception of `onReady` goes to `onError`: libuv would lose it.
 */
export class FdWatch {
  readonly #uv: Uv;
  readonly #handle: unknown;
  readonly #onPoll: bigint;
  #events = 0;
  #closed = false;

  constructor(fd: number, onReady: (ready: Interest) => void, onError: (error: unknown) => void) {
    this.#uv = bound ??= bind();
    this.#handle = koffi.alloc('uint8_t', this.#uv.handleSize);
    check('uv_poll_init', this.#uv.init(this.#uv.loop, this.#handle, fd));
    this.#onPoll = koffi.register((_handle: number, status: number, events: number) => {
      try {
        const failed = status < 0;
        // libuv stopped the handle; the next `want` has to start it again.
        if (failed) this.#events = 0;
        onReady({ readable: failed || (events & UV_READABLE) !== 0, writable: failed || (events & UV_WRITABLE) !== 0 });
      } catch (error) {
        onError(error);
      }
      // Promise jobs queued here are not run when this callback returns, only after Node's next own one: ask for one.
      setImmediate(() => {});
    }, this.#uv.pollCallback);
  }

  /** Replaces what is waited for. */
  want({ readable, writable }: Interest): void {
    const events = (readable ? UV_READABLE : 0) | (writable ? UV_WRITABLE : 0);
    if (this.#closed || events === this.#events) return;
    this.#events = events;
    if (events === 0) check('uv_poll_stop', this.#uv.stop(this.#handle));
    else check('uv_poll_start', this.#uv.start(this.#handle, events, this.#onPoll));
  }

  /** No call of `onReady` after this; `fd` may be closed at once. Again is harmless. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    const onClose: bigint = koffi.register(() => {
      // libuv is done with the handle, but both callbacks are still on the stack of koffi.
      setImmediate(() => {
        koffi.unregister(this.#onPoll);
        koffi.unregister(onClose);
        koffi.free(this.#handle);
      });
    }, this.#uv.closeCallback);
    this.#uv.close(this.#handle, onClose);
  }
}
