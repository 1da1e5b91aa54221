// A kernel module's own description of itself. Debian's packages carry no modules.dep (depmod runs at installation),
// so what to load first is read from here.
import { GuestError } from '../errors.ts';
import { elfSection } from '../elf/elf.ts';

/** `.modinfo` as key and values, in order of appearance. */
export type Modinfo = ReadonlyMap<string, readonly string[]>;

/** Parses the NUL-separated `key=value` strings of a `.modinfo` section. */
export function parseModinfo(section: Uint8Array): Modinfo {
  const info = new Map<string, string[]>();
  for (const text of Buffer.from(section).toString('utf8').split('\0')) {
    const equals = text.indexOf('=');
    if (equals <= 0) continue;
    const key = text.slice(0, equals);
    info.set(key, [...(info.get(key) ?? []), text.slice(equals + 1)]);
  }
  return info;
}

/** The modinfo of a (decompressed) module image. Throws UNPACK when it is no module. */
export function moduleInfo(image: Buffer): Modinfo {
  const section = elfSection(image, '.modinfo');
  if (!section) throw new GuestError('UNPACK', 'not a kernel module: no .modinfo section');
  return parseModinfo(section);
}

/** The modules it needs loaded before itself, under their kernel names. */
export function moduleDependencies(info: Modinfo): string[] {
  return (info.get('depends') ?? []).flatMap((list) => list.split(',')).filter((name) => name !== '').map(moduleName);
}

/** A module's name as the kernel has it: no folder, no ending, '-' is '_'. */
export function moduleName(file: string): string {
  return file.replace(/^.*\//, '').replace(/\.ko(\.(xz|zst|gz))?$/, '').replaceAll('-', '_');
}

/**
 * `roots` and all they depend on, each once and after its dependencies. `dependencies` gives the direct ones of a
 * name, or undefined where the module does not exist. Throws KERNEL for a missing one.
 */
export function loadOrder(roots: readonly string[], dependencies: (name: string) => readonly string[] | undefined): string[] {
  const order: string[] = [];
  const visiting = new Set<string>();
  const visit = (name: string, neededBy: string | undefined) => {
    if (order.includes(name)) return;
    if (visiting.has(name)) throw new GuestError('KERNEL', `kernel modules depend on each other in a circle at ${name}`);
    const needed = dependencies(name);
    if (!needed) throw new GuestError('KERNEL', `the kernel has no module ${name}${neededBy ? ` (needed by ${neededBy})` : ''}`);
    visiting.add(name);
    for (const dependency of needed) visit(dependency, name);
    visiting.delete(name);
    order.push(name);
  };
  for (const root of roots) visit(root, undefined);
  return order;
}
