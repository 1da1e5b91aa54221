// A number for every value that a cell can hold, the same for equal values in every run: what states are compared by.

/** Of something that only its identity tells apart, such as a function, when no name is known for it. */
export class NotPlain extends TypeError {}

/** Names objects and functions, so that two runs of the same code give them the same names. */
export interface Naming {
  /** The number of one that has it already, whatever it is. */
  known(object: object): number | undefined;
  /** A name for one that is not plain data and has none. */
  name(object: object): string;
}

const nothingNamed: Naming = {
  known: () => undefined,
  name(object) {
    throw new NotPlain(`${object.constructor?.name ?? 'an object'} is no plain data: no other run can have the same value`);
  },
};

export class Values {
  readonly #byKey = new Map<string, number>();
  readonly #numbers = new Map<number, number>();
  readonly #values: unknown[] = [];

  get count(): number {
    return this.#values.length;
  }

  /** Of plain data by content, of anything else by the name that `naming` gives it. Freezes what it numbers by content. */
  of(value: unknown, naming: Naming = nothingNamed): number {
    if (typeof value === 'number') {
      const known = this.#numbers.get(value);
      if (known !== undefined && !Object.is(value, -0)) return known;
      const made = this.#intern(Object.is(value, -0) ? 'n-0' : `n${value}`, value);
      if (!Object.is(value, -0)) this.#numbers.set(value, made);
      return made;
    }
    if ((typeof value === 'object' && value !== null) || typeof value === 'function') {
      const known = naming.known(value);
      if (known !== undefined) return known;
    }
    return this.#intern(this.#key(value, naming), value);
  }

  /** Of the object that has this name in every run. */
  named(name: string, object: object): number {
    return this.#intern(`o${name}`, object);
  }

  /** The value, as a run that came to it first had it. */
  at(number: number): unknown {
    return this.#values[number];
  }

  #intern(key: string, value: unknown): number {
    const known = this.#byKey.get(key);
    if (known !== undefined) return known;
    const made = this.#values.length;
    this.#values.push(value);
    this.#byKey.set(key, made);
    return made;
  }

  #key(value: unknown, naming: Naming): string {
    switch (typeof value) {
      case 'string':
        return `s${value}`;
      case 'boolean':
        return value ? 't' : 'f';
      case 'bigint':
        return `b${value}`;
      case 'undefined':
        return 'u';
      case 'function':
        return `o${naming.name(value)}`;
      case 'symbol':
        return `y${value.description ?? ''}`;
      default:
        return value === null ? 'z' : this.#objectKey(value as object, naming);
    }
  }

  #objectKey(value: object, naming: Naming): string {
    if (ArrayBuffer.isView(value)) return `${value.constructor.name}(${Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('hex')})`;
    // A list is what it lists; an object literal only if it is data through and through: else it is somebody's, such as a chip.
    if (Array.isArray(value)) {
      const key = `[${value.map((each) => this.of(each, naming)).join()}]`;
      Object.freeze(value);
      return key;
    }
    if (!isData(value, naming)) return `o${naming.name(value)}`;
    const key = `{${Object.entries(value).map(([field, each]) => `${JSON.stringify(field)}:${this.of(each, naming)}`).join()}}`;
    Object.freeze(value);
    return key;
  }
}

/** Nothing in it has an identity, but for what has a name already. */
function isData(value: unknown, naming: Naming): boolean {
  if (typeof value === 'function') return naming.known(value) !== undefined;
  if (typeof value !== 'object' || value === null) return true;
  if (naming.known(value) !== undefined || ArrayBuffer.isView(value)) return true;
  if (Array.isArray(value)) return value.every((each) => isData(each, naming));
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype !== Object.prototype && prototype !== null) return false;
  return Object.values(value).every((each) => isData(each, naming));
}
