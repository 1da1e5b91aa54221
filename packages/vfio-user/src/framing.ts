// Cuts a byte stream into messages and says which message owns the file descriptors that came with the bytes.
import { Header, HEADER_SIZE } from './wire.ts';
import type { HeaderValues } from './wire.ts';

export interface Message {
  readonly header: HeaderValues;
  /** Valid until the next call of the framer. */
  readonly payload: Uint8Array;
  readonly fds: number[];
  /** More descriptors came than allowed, or the kernel dropped some; the excess is closed. */
  readonly fdsLost: boolean;
}

export interface FramerLimits {
  /** Bytes of one message, header included. */
  readonly maxMessage: number;
  /** Descriptors one message may bring. */
  readonly maxFds: number;
}

/**
 * Linux ends a stream read after the first chunk that carries descriptors, yet merges earlier ones without in front of
 * it. So the descriptors of a read belong to the message that contains its last byte, not to the first (measured).
 */
export class Framer {
  readonly #limits: FramerLimits;
  readonly #discard: (fd: number) => void;
  #chunk: Uint8Array = new Uint8Array(0);
  #at = 0;
  /** Descriptors of the current chunk, which go to the message of its last byte. */
  #arrived: number[] = [];
  /** The message begun in an earlier chunk, and how much of it is there. */
  #partial: Uint8Array | undefined;
  #filled = 0;
  /** Descriptors of earlier chunks that belong to the partial message. */
  #held: number[] = [];
  #lost = false;
  #heldLost = false;

  constructor(limits: FramerLimits, discard: (fd: number) => void) {
    this.#limits = limits;
    this.#discard = discard;
  }

  /** Whether a message has begun and not ended. */
  get midMessage(): boolean {
    return this.#filled > 0;
  }

  /** The next read's bytes, which stay untouched until {@link next} has said undefined, and its descriptors. */
  push(chunk: Uint8Array, fds: readonly number[], fdsLost = false): void {
    this.#chunk = chunk;
    this.#at = 0;
    const allowed = Math.max(0, this.#limits.maxFds - this.#held.length);
    this.#arrived = fds.slice(0, allowed);
    for (const fd of fds.slice(allowed)) this.#discard(fd);
    this.#lost = fdsLost || fds.length > allowed;
  }

  /** The next complete message; undefined: push more; `'broken'`: a size that cannot be, the stream is lost. */
  next(): Message | undefined | 'broken' {
    const inPlace = this.#filled === 0 && this.#chunk.length - this.#at >= HEADER_SIZE;
    const bytes = inPlace ? this.#takeInPlace() : this.#assemble();
    if (bytes === undefined) this.#hold();
    if (bytes === undefined || bytes === 'broken') return bytes;
    return this.#deliver(bytes);
  }

  /** Closes the descriptors of messages that will not be delivered. */
  drop(): void {
    for (const fd of [...this.#held, ...this.#arrived]) this.#discard(fd);
    this.#held = [];
    this.#arrived = [];
    this.#chunk = new Uint8Array(0);
    this.#at = 0;
    this.#filled = 0;
    this.#partial = undefined;
  }

  /** The usual case: the whole message lies in the chunk and is not copied. */
  #takeInPlace(): Uint8Array | undefined | 'broken' {
    const size = sizeIn(this.#chunk, this.#at);
    if (!this.#possible(size)) return 'broken';
    if (this.#chunk.length - this.#at < size) return this.#assemble();
    const bytes = this.#chunk.subarray(this.#at, this.#at + size);
    this.#at += size;
    return bytes;
  }

  #assemble(): Uint8Array | undefined | 'broken' {
    this.#partial ??= new Uint8Array(HEADER_SIZE);
    this.#fill(this.#partial);
    if (this.#filled < HEADER_SIZE) return undefined;
    const size = sizeIn(this.#partial, 0);
    if (!this.#possible(size)) return 'broken';
    if (this.#partial.length < size) {
      const whole = new Uint8Array(size);
      whole.set(this.#partial);
      this.#partial = whole;
      this.#fill(whole);
    }
    if (this.#filled < size) return undefined;
    const bytes = this.#partial;
    this.#partial = undefined;
    this.#filled = 0;
    return bytes;
  }

  #fill(into: Uint8Array): void {
    const part = this.#chunk.subarray(this.#at, this.#at + into.length - this.#filled);
    into.set(part, this.#filled);
    this.#filled += part.length;
    this.#at += part.length;
  }

  #possible(size: number): boolean {
    return size >= HEADER_SIZE && size <= this.#limits.maxMessage;
  }

  /** The chunk ended inside a message: what came with the chunk belongs to that message. */
  #hold(): void {
    if (this.#filled === 0) return;
    this.#held.push(...this.#arrived);
    this.#heldLost ||= this.#lost;
    this.#arrived = [];
    this.#lost = false;
  }

  #deliver(bytes: Uint8Array): Message {
    const last = this.#at === this.#chunk.length;
    const fds = last ? [...this.#held, ...this.#arrived] : this.#held;
    const fdsLost = this.#heldLost || (last && this.#lost);
    this.#held = [];
    this.#heldLost = false;
    if (last) {
      this.#arrived = [];
      this.#lost = false;
    }
    const header = Header.read(bytes);
    if (!header.ok) throw new Error(header.message);
    return { header: header.value, payload: bytes.subarray(HEADER_SIZE), fds, fdsLost };
  }
}

/** The size field of the header at `at`. */
function sizeIn(bytes: Uint8Array, at: number): number {
  return new DataView(bytes.buffer, bytes.byteOffset + at, HEADER_SIZE).getUint32(4, true);
}
