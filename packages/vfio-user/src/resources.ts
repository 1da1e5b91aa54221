// What a client hands to a server: memory both see, and eventfds to hear of interrupts.
import { must } from '@siov/base';
import type { Memory } from '@siov/base';
import { mapMemory } from './dma-memory.ts';
import { addSeals, closeFd, dup, eventfd, F_SEAL_SHRINK, memfd, readEventFd, truncate } from './sys.ts';

export interface SharedMemory {
  /** To pass to `dmaMap`. */
  readonly fd: number;
  readonly memory: Memory;
  /** ftruncate(2). Fails on sealed memory when it would shrink. */
  truncate(size: number): void;
  close(): void;
}

/** A memory file of `size` bytes (a multiple of 4096), sealed against shrinking as QEMU's are unless told otherwise. */
export function sharedMemory(size: number, { sealed = true } = {}): SharedMemory {
  const fd = memfd('vfio-user', size);
  if (sealed) addSeals(fd, F_SEAL_SHRINK);
  const request = { offset: 0n, size: BigInt(size), readable: true, writable: true };
  const memory = must(mapMemory(dup(fd), request), 'mapping new memory');
  return {
    fd,
    memory,
    truncate: (to) => truncate(fd, to),
    close() {
      memory.detach();
      closeFd(fd);
    },
  };
}

export interface ClientEventFd {
  /** To pass to `setIrqs`. */
  readonly fd: number;
  /** How often it was signalled since the last call. */
  take(): number;
  close(): void;
}

export function clientEventFd(): ClientEventFd {
  const fd = eventfd();
  return { fd, take: () => Number(readEventFd(fd)), close: () => closeFd(fd) };
}
