// Posted interrupts: the hardware notes an interrupt in memory that the virtual CPU's host looks at, and tells the CPU it runs
// on (VT-d 5.2.3, 9.11; struct pi_desc of arch/x86/kvm; the layout is from memory of both).
import { bit, bits, fail, IdAllocator, ok, register } from '@siov/base';
import type { Result, StatePort } from '@siov/base';
import { wordAt } from './words.ts';

/** Who delivers the notification: the local APICs. */
export interface Notifier {
  raise(cpu: number, vector: number): void;
}

/** 64 bytes: 256 requests, then control. */
const WORDS = 16;
const CONTROL = 8;
const DESTINATION = 9;
export const PostedControl = register('Posted descriptor 287:256', { offset: 32, source: 'VT-d 9.11' }, {
  /** ON: a notification is on its way. */
  outstanding: bit(0),
  /** SN: only urgent interrupts notify. */
  suppress: bit(1),
  /** NV */
  vector: bits(23, 16),
});
export const PostedDestination = register('Posted descriptor 319:288', { offset: 36, source: 'VT-d 9.11' }, { destination: bits(31, 0) });

/** Where descriptors begin in physical memory: above the tables. */
const BASE_HI = 1;
const BASE = BigInt(BASE_HI) << 32n;
const DEFAULT_COUNT = 256;

/** The descriptors of a machine, as the hardware finds them by address. */
export class PostedInterrupts {
  readonly words: Uint32Array;
  readonly #ids: IdAllocator;
  readonly #notifier: Notifier;
  /** Descriptor -> table entries that name it. */
  readonly #entries: Map<number, number>;

  constructor(state: StatePort, name: string, notifier: Notifier, count = DEFAULT_COUNT) {
    this.words = state.words(`${name}/descriptors`, count * WORDS);
    this.#ids = new IdAllocator(state, `${name}/pi_desc`, { first: 0, end: count });
    this.#entries = state.map(`${name}/descriptor-entries`);
    this.#notifier = notifier;
  }

  get used(): number {
    return this.#ids.used;
  }

  /** An empty descriptor. `ENOMEM`. */
  alloc(): Result<PostedInterruptDescriptor, 'ENOMEM'> {
    const id = this.#ids.alloc();
    if (!id.ok) return fail('ENOMEM', id.message);
    this.words.fill(0, id.value * WORDS, (id.value + 1) * WORDS);
    return ok(new PostedInterruptDescriptor(this, id.value));
  }

  /** `EINVAL`: it is gone already; `EBUSY`: a table entry names it. */
  free({ id, address }: PostedInterruptDescriptor): Result<void, 'EINVAL' | 'EBUSY'> {
    if (!this.#ids.has(id)) return fail('EINVAL', `no posted-interrupt descriptor is at 0x${address.toString(16)}`);
    const entries = this.#entries.get(id) ?? 0;
    if (entries > 0) return fail('EBUSY', `the posted-interrupt descriptor at 0x${address.toString(16)} is named by ${entries} table entries`);
    this.#ids.free(id);
    return ok();
  }

  /** Which descriptor is at `address`; -1: none. */
  find(address: bigint): number {
    const offset = address - BASE;
    const id = Number(offset / 64n);
    return offset >= 0n && offset % 64n === 0n && this.#ids.has(id) ? id : -1;
  }

  /** One table entry more that names the descriptor at `address`; `change` -1: one fewer. */
  use(address: bigint, change: 1 | -1): void {
    const id = this.find(address);
    const entries = (this.#entries.get(id) ?? 0) + change;
    if (entries > 0) this.#entries.set(id, entries);
    else this.#entries.delete(id);
  }

  /**
   * The hardware's part: the vector is requested, and the CPU is told unless it has been, or does not want to be. On the way
   * of every posted interrupt. False: there is no descriptor there.
   */
  post(addressHi: number, addressLo: number, vector: number, urgent: boolean): boolean {
    const id = addressLo >>> 6;
    if (addressHi !== BASE_HI || !this.#ids.has(id)) return false;
    const { words } = this;
    const at = id * WORDS;
    words[at + (vector >>> 5)] = wordAt(words, at + (vector >>> 5)) | (1 << (vector & 31));
    const control = wordAt(words, at + CONTROL) as typeof PostedControl.reset;
    if (PostedControl.outstanding.get(control) === 1 || (PostedControl.suppress.get(control) === 1 && !urgent)) return true;
    words[at + CONTROL] = PostedControl.outstanding.set(control, 1);
    this.#notifier.raise(wordAt(words, at + DESTINATION), PostedControl.vector.get(control));
    return true;
  }
}

/** One virtual CPU's descriptor, as its VMM uses it. */
export class PostedInterruptDescriptor {
  readonly id: number;
  /** Physical, 64-byte aligned: what an interrupt is posted to. */
  readonly address: bigint;
  readonly #words: Uint32Array;
  readonly #at: number;

  constructor(memory: PostedInterrupts, id: number) {
    this.id = id;
    this.address = BASE + BigInt(id) * 64n;
    this.#words = memory.words;
    this.#at = id * WORDS;
  }

  /** Whether a notification is on its way (ON). */
  get outstanding(): boolean {
    return PostedControl.outstanding.get(this.#control) === 1;
  }

  /** Whether vectors are requested. */
  get pending(): boolean {
    for (let word = 0; word < 8; word++) if (this.#words[this.#at + word] !== 0) return true;
    return false;
  }

  /** Where and with which vector the host is told (vmx_vcpu_pi_load(), vmx_vcpu_pi_put()). */
  notify(cpu: number, vector: number): void {
    this.#words[this.#at + DESTINATION] = PostedDestination.of({ destination: cpu });
    this.#set(PostedControl.vector.set(this.#control, vector));
  }

  /** SN: the virtual CPU does not run, nobody needs to be told (a preempted one). */
  suppress(): void {
    this.#set(PostedControl.suppress.set(this.#control, 1));
  }

  /** It runs again. True: something was requested meanwhile, and nobody was told: take it. */
  resume(): boolean {
    this.#set(PostedControl.suppress.set(this.#control, 0));
    return this.pending && !this.outstanding;
  }

  /** vmx_sync_pir_to_irr(): the requested vectors, lowest first; requested no more. ON first, so that none is missed. */
  take(): number[] {
    this.#set(PostedControl.outstanding.set(this.#control, 0));
    const vectors: number[] = [];
    for (let vector = 0; vector < 256; vector++) {
      if (((wordAt(this.#words, this.#at + (vector >>> 5)) >>> (vector & 31)) & 1) === 1) vectors.push(vector);
    }
    this.#words.fill(0, this.#at, this.#at + CONTROL);
    return vectors;
  }

  get #control(): typeof PostedControl.reset {
    return PostedControl.image(wordAt(this.#words, this.#at + CONTROL));
  }

  #set(image: typeof PostedControl.reset): void {
    this.#words[this.#at + CONTROL] = image;
  }
}
