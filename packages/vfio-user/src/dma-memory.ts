// A client's memory as `Memory`: mapped where nothing the client does to the file can raise SIGBUS, and read and
// written through the file where it could.
import { fstatSync, readSync, writeSync } from 'node:fs';
import { fail, ModelError, ok } from '@siov/base';
import type { Memory, Result } from '@siov/base';
import type { Detachable } from './dma-table.ts';
import { closeFd, F_SEAL_SHRINK, mmap, munmap, O_ACCMODE, PROT, sealsOf, statusFlagsOf, SysError, viewOf } from './sys.ts';

/** What part of a file to map, and for what. Bytes. */
export interface MemoryRequest {
  readonly offset: bigint;
  readonly size: bigint;
  readonly readable: boolean;
  readonly writable: boolean;
}

export interface DmaMemory extends Memory, Detachable {}

export interface DmaMemoryOptions {
  /** Bytes of one view; a view above 4 GiB kills Node 20. A test makes it small. */
  readonly window?: number;
  /** How many descriptors may still be kept open; counted down and up. */
  readonly budget?: { openFiles: number };
  /** Told when an access went beyond the end of a file that was truncated after it was mapped. */
  readonly onTruncated?: () => void;
}

type MapError = 'EINVAL' | 'ENOMEM' | 'ENOSPC';

const GIB = 2 ** 30;
const PAGE = 4096n;

/**
 * Maps a part of `fd` and takes `fd` over, also when it fails. `EINVAL`: not a regular file, unaligned, beyond the
 * file's end, or not opened for the access asked for; `ENOMEM`: the kernel has no room.
 */
export function mapMemory(fd: number, request: MemoryRequest, options: DmaMemoryOptions = {}): Result<DmaMemory, MapError> {
  let keep = false;
  try {
    // The seal is asked for before the size: once it is there the size cannot shrink.
    const sealed = (sealsOf(fd) & F_SEAL_SHRINK) !== 0;
    const checked = checkFile(fd, request);
    if (!checked.ok) return checked;
    if (sealed) return ok(new MappedMemory(fd, request, options.window ?? GIB));
    if (options.budget !== undefined && options.budget.openFiles <= 0) return fail('ENOSPC', 'DMA_MAP: too many files are kept open');
    keep = true;
    return ok(new FileMemory(fd, request, options));
  } catch (error) {
    const code = error instanceof SysError && error.code === 'ENOMEM' ? 'ENOMEM' : 'EINVAL';
    return fail(code, `DMA_MAP: ${error instanceof Error ? error.message : String(error)}`);
  } finally {
    if (!keep) closeFd(fd);
  }
}

function checkFile(fd: number, { offset, size, readable, writable }: MemoryRequest): Result<void, 'EINVAL'> {
  const stat = fstatSync(fd, { bigint: true });
  if (!stat.isFile()) return fail('EINVAL', 'DMA_MAP: the descriptor is not of a memory file');
  if (offset % PAGE !== 0n) return fail('EINVAL', `DMA_MAP: file offset 0x${offset.toString(16)} is not aligned to 4 KiB`);
  if (offset + size > stat.size) {
    return fail('EINVAL', `DMA_MAP: 0x${offset.toString(16)}+0x${size.toString(16)} is beyond the file's ${stat.size} bytes`);
  }
  if (offset + size > BigInt(Number.MAX_SAFE_INTEGER)) return fail('EINVAL', 'DMA_MAP: the mapping ends past 2^53 in its file');
  const mode = statusFlagsOf(fd) & O_ACCMODE;
  const opened = { readable: mode === 0 || mode === 2, writable: mode === 1 || mode === 2 };
  if ((readable && !opened.readable) || (writable && !opened.writable)) {
    return fail('EINVAL', `DMA_MAP: the file is opened with mode ${mode}, which does not allow the mapping's access`);
  }
  return ok();
}

/** Bounds and rights in one place: an access past the mapping, or a write through a read-only one, would be a signal. */
abstract class CheckedMemory implements DmaMemory {
  readonly size: number;
  readonly #readable: boolean;
  readonly #writable: boolean;
  #attached = true;

  constructor(request: MemoryRequest) {
    this.size = Number(request.size);
    this.#readable = request.readable;
    this.#writable = request.writable;
  }

  read(offset: number, into: Uint8Array): void {
    this.#check('read', this.#readable, offset, into.length);
    this.load(offset, into);
  }

  write(offset: number, from: Uint8Array): void {
    this.#check('write', this.#writable, offset, from.length);
    this.store(offset, from);
  }

  detach(): void {
    if (!this.#attached) return;
    this.#attached = false;
    this.release();
  }

  protected abstract load(offset: number, into: Uint8Array): void;
  protected abstract store(offset: number, from: Uint8Array): void;
  protected abstract release(): void;

  #check(what: string, allowed: boolean, offset: number, length: number): void {
    const where = `DMA ${what} at 0x${offset.toString(16)}+${length}`;
    if (!this.#attached) throw new ModelError(`${where}: the memory is unmapped`);
    if (!allowed) throw new ModelError(`${where}: the mapping does not allow it`);
    if (!(offset >= 0 && offset + length <= this.size)) throw new ModelError(`${where}: leaves the ${this.size} bytes mapped`);
  }
}

/** A mapping whose file cannot shrink. No view of it leaves this object, and detaching ends them all. */
class MappedMemory extends CheckedMemory {
  readonly #address: number;
  readonly #window: number;
  #views: Uint8Array<ArrayBuffer>[] = [];

  constructor(fd: number, request: MemoryRequest, window: number) {
    super(request);
    this.#window = window;
    const protection = (request.readable ? PROT.READ : 0) | (request.writable ? PROT.WRITE : 0);
    this.#address = mmap(fd, Number(request.offset), this.size, protection);
    try {
      for (let at = 0; at < this.size; at += window) {
        this.#views.push(new Uint8Array(viewOf(this.#address + at, Math.min(window, this.size - at))));
      }
    } catch (error) {
      this.release();
      throw error;
    }
  }

  protected override load(offset: number, into: Uint8Array): void {
    for (let done = 0; done < into.length; ) {
      const part = this.#part(offset + done, into.length - done);
      into.set(part, done);
      done += part.length;
    }
  }

  protected override store(offset: number, from: Uint8Array): void {
    for (let done = 0; done < from.length; ) {
      const part = this.#part(offset + done, from.length - done);
      part.set(from.subarray(done, done + part.length));
      done += part.length;
    }
  }

  protected override release(): void {
    // Node 20 has no `transfer`; there, that no view has ever been handed out is what makes munmap safe.
    for (const view of this.#views) view.buffer.transfer?.(0);
    this.#views = [];
    munmap(this.#address, this.size);
  }

  /** The bytes from `offset` on, at most `length`, that lie in one window. */
  #part(offset: number, length: number): Uint8Array {
    const view = this.#views[Math.floor(offset / this.#window)] as Uint8Array;
    const at = offset % this.#window;
    return view.subarray(at, at + length);
  }
}

/** A file that may be truncated any time. What is no longer there reads 0 and takes no writes, as an absent DIMM. */
class FileMemory extends CheckedMemory {
  readonly #fd: number;
  readonly #offset: number;
  readonly #options: DmaMemoryOptions;

  constructor(fd: number, request: MemoryRequest, options: DmaMemoryOptions) {
    super(request);
    this.#fd = fd;
    this.#offset = Number(request.offset);
    this.#options = options;
    if (options.budget !== undefined) options.budget.openFiles -= 1;
  }

  protected override load(offset: number, into: Uint8Array): void {
    for (let done = 0; done < into.length; ) {
      const got = readSync(this.#fd, into, done, into.length - done, this.#offset + offset + done);
      if (got === 0) {
        into.fill(0, done);
        this.#options.onTruncated?.();
        return;
      }
      done += got;
    }
  }

  protected override store(offset: number, from: Uint8Array): void {
    const at = this.#offset + offset;
    // A write past the end would make the client's file longer again.
    const length = Math.min(from.length, Math.max(0, fstatSync(this.#fd).size - at));
    if (length < from.length) this.#options.onTruncated?.();
    for (let done = 0; done < length; ) done += writeSync(this.#fd, from, done, length - done, at + done);
  }

  protected override release(): void {
    closeFd(this.#fd);
    if (this.#options.budget !== undefined) this.#options.budget.openFiles += 1;
  }
}
