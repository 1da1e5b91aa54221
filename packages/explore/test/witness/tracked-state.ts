// A state port that can be read as text, and that notes what is read: all a witness needs to tell states apart.
import type { StatePort } from '@siov/base';

export class TrackedState implements StatePort {
  readonly interleaved = true;
  readonly #texts = new Map<string, () => string>();
  readonly #names = new WeakMap<object, string>();
  #reads: string[] = [];
  #silent = 0;

  record<T extends object>(name: string, initial: T): T {
    const held: T = { ...initial };
    const whole = (): string => `{${Object.entries(held).map(([field, value]) => `${field}:${this.#text(value)}`).join()}}`;
    return this.#add(name, whole, new Proxy(held, {
      get: (_, field) => this.#note(name, field, Reflect.get(held, field)),
      has: (_, field) => this.#note(name, field, field in held),
      ownKeys: () => this.#note(name, 'keys', Reflect.ownKeys(held)),
    }));
  }

  words(name: string, length: number, initial = 0): Uint32Array {
    const held = new Uint32Array(length).fill(initial);
    const method = (value: unknown): unknown => {
      if (typeof value === 'function') throw new TypeError(`${name}: only single words are read and written here`);
      return value;
    };
    return this.#add(name, () => held.join(), new Proxy(held, {
      get: (_, index) => this.#note(name, index, method(Reflect.get(held, index))),
      set: (_, index, value) => Reflect.set(held, index, value),
    }));
  }

  map<K, V>(name: string): Map<K, V> {
    const held = new Map<K, V>();
    const whole = (): string => `[${[...held].map(([key, value]) => `${this.#text(key)}=${this.#text(value)}`).join()}]`;
    return this.#add(name, whole, new Proxy(held, {
      get: (_, method) => {
        const member: unknown = Reflect.get(held, method, held);
        // Every use of it counts as having read all of it.
        this.#note(name, method, whole());
        return typeof member === 'function' ? (member.bind(held) as unknown) : member;
      },
    }));
  }

  grant(): boolean {
    return true;
  }

  /** All that is shared. */
  text(): string {
    return [...this.#texts].map(([name, text]) => `${name}=${text()}`).sort().join('\n');
  }

  /** What was read since the last call. */
  takeReads(): string {
    const reads = this.#reads.join('\n');
    this.#reads = [];
    return reads;
  }

  /** Looks without having read. */
  silently<T>(look: () => T): T {
    this.#silent += 1;
    try {
      return look();
    } finally {
      this.#silent -= 1;
    }
  }

  #add<T extends object>(name: string, text: () => string, held: T): T {
    if (this.#texts.has(name)) throw new Error(`two pieces of state are called ${name}`);
    this.#texts.set(name, text);
    this.#names.set(held, name);
    return held;
  }

  #note<T>(name: string, part: PropertyKey, value: T): T {
    if (this.#silent === 0) this.#reads.push(`${name}.${String(part)}=${this.#text(value)}`);
    return value;
  }

  /** A piece of state by its name; plain data as it is. */
  #text(value: unknown): string {
    if (typeof value === 'object' && value !== null) {
      const name = this.#names.get(value);
      if (name !== undefined) return `<${name}>`;
    }
    if (typeof value === 'function') return 'method';
    if (typeof value === 'bigint') return `${value}n`;
    return JSON.stringify(value) ?? 'undefined';
  }
}
