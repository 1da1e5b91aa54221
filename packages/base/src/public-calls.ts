// Which calls a package offers: what a table that claims to cover all of them is compared with.

/**
 * The names of the functions of `exports`, of those in its objects and, for its classes, `new Class`, `Class.method` and `Class.property` where a
 * property is a function. Every exported class needs one of its objects in `instances`, to look at.
 */
export function publicCalls(exports: Readonly<Record<string, unknown>>, instances: readonly object[]): string[] {
  return Object.entries(exports).flatMap(([name, exported]) => {
    if (typeof exported === 'object' && exported !== null) return functionsOf(exported).map((method) => `${name}.${method}`);
    if (typeof exported !== 'function') return [];
    if (!isClass(exported)) return [name];
    const instance = instances.find(({ constructor }) => constructor === exported);
    if (instance === undefined) throw new Error(`nobody made a ${name}, so its function properties are not known`);
    const levels = levelsOf((exported as { readonly prototype: object }).prototype, exports);
    const methods = new Set([...levels.flatMap(functionsOf), ...functionsOf(instance)].map((method) => `${name}.${method}`));
    const statics = functionsOf(exported).map((method) => `${name}.${method}`);
    return [`new ${name}`, ...methods, ...statics];
  });
}

/** The calls that the result of `call` offers, if it is no object of an exported class: `call().method`. */
export function callsOfResult(call: string, result: unknown, exports: Readonly<Record<string, unknown>>): string[] {
  const value: unknown = typeof result === 'object' && result !== null && 'value' in result ? result.value : result;
  if (typeof value !== 'object' || value === null || Object.values(exports).includes(value.constructor)) return [];
  if (Array.isArray(value) || ArrayBuffer.isView(value) || value instanceof Map || value instanceof Set) return [];
  const prototype: unknown = Object.getPrototypeOf(value);
  const inherited = typeof prototype === 'object' && prototype !== null && prototype !== Object.prototype ? functionsOf(prototype) : [];
  return [...new Set([...functionsOf(value), ...inherited])].map((method) => `${call}().${method}`);
}

/** A class and those it extends, up to one that is exported itself. */
function levelsOf(prototype: object, exports: Readonly<Record<string, unknown>>): object[] {
  const base: unknown = Object.getPrototypeOf(prototype);
  const ends = typeof base !== 'object' || base === null || base === Object.prototype || Object.values(exports).includes(base.constructor);
  return ends ? [prototype] : [prototype, ...levelsOf(base, exports)];
}

function functionsOf(object: object): string[] {
  return Object.entries(Object.getOwnPropertyDescriptors(object))
    .filter(([name, { value }]) => name !== 'constructor' && typeof value === 'function')
    .map(([name]) => name);
}

function isClass(exported: object): boolean {
  return /^class\b/.test(Function.prototype.toString.call(exported));
}
