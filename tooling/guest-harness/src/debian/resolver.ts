// Which packages are needed: a plain walk over Depends and Pre-Depends. No SAT, no conflicts: nothing is installed,
// the packages are only unpacked side by side and most of them thrown away again.
import { type Alternatives, parseControl, parseRelations } from './control.ts';
import { GuestError } from '../errors.ts';

/** One binary package of the archive. `size` in bytes, `sha256` in lower-case hex, `filename` relative to the archive. */
export interface DebPackage {
  readonly name: string;
  readonly version: string;
  readonly filename: string;
  readonly size: number;
  readonly sha256: string;
  readonly depends: readonly Alternatives[];
  readonly provides: readonly string[];
}

const FIELDS = ['Package', 'Version', 'Filename', 'Size', 'SHA256', 'Depends', 'Pre-Depends', 'Provides'] as const;

/** Packages by name and by what they provide. */
export class PackageIndex {
  readonly #byName = new Map<string, DebPackage>();
  readonly #provider = new Map<string, DebPackage>();
  readonly #below: PackageIndex | undefined;

  /** The packages of a Packages file, in front of those of another index: a name here hides the one below. */
  constructor(packagesText: string, below?: PackageIndex) {
    this.#below = below;
    for (const stanza of parseControl(packagesText, FIELDS)) {
      const pkg = toPackage((field) => stanza.get(field));
      if (!pkg) continue;
      this.#byName.set(pkg.name, pkg);
      for (const name of pkg.provides) if (!this.#provider.has(name)) this.#provider.set(name, pkg);
    }
  }

  /** The package of that name, else the first that provides it. */
  find(name: string): DebPackage | undefined {
    return this.#named(name) ?? this.#provider.get(name) ?? this.#below?.find(name);
  }

  #named(name: string): DebPackage | undefined {
    return this.#byName.get(name) ?? (this.#below ? this.#below.#named(name) : undefined);
  }
}

function toPackage(get: (field: (typeof FIELDS)[number]) => string | undefined): DebPackage | undefined {
  const [name, version, filename, sha256] = [get('Package'), get('Version'), get('Filename'), get('SHA256')];
  if (!name || !version || !filename || !sha256) return undefined;
  return {
    name,
    version,
    filename,
    sha256: sha256.toLowerCase(),
    size: Number(get('Size') ?? 0),
    depends: [...parseRelations(get('Pre-Depends')), ...parseRelations(get('Depends'))],
    provides: parseRelations(get('Provides')).flat(),
  };
}

/**
 * `roots` and everything they need, each once, roots first. `follow` limits the walk (a kernel image depends on
 * initramfs tools nobody wants here). Throws ARCHIVE when a root or a followed dependency has no candidate.
 */
export function resolveClosure(
  index: PackageIndex,
  roots: readonly string[],
  follow: (name: string) => boolean = () => true,
): DebPackage[] {
  const found = new Map<string, DebPackage>();
  const queue: { readonly names: Alternatives; readonly neededBy: string }[] = roots.map((name) => ({
    names: [name],
    neededBy: 'this harness',
  }));
  for (let item = queue.shift(); item; item = queue.shift()) {
    const names = item.names.filter(follow);
    if (names.length === 0 && item.names.length > 0) continue;
    const pkg = pick(index, names, found);
    if (!pkg) throw new GuestError('ARCHIVE', `the archive has no ${names.join(' or ')} (needed by ${item.neededBy})`);
    if (found.has(pkg.name)) continue;
    found.set(pkg.name, pkg);
    queue.push(...pkg.depends.map((alternatives) => ({ names: alternatives, neededBy: pkg.name })));
  }
  return [...found.values()];
}

/** An alternative already chosen wins, so `a | b` does not pull a second implementation in beside b. */
function pick(index: PackageIndex, names: Alternatives, found: ReadonlyMap<string, DebPackage>): DebPackage | undefined {
  const candidates = names.map((name) => index.find(name)).filter((pkg) => pkg !== undefined);
  return candidates.find((pkg) => found.has(pkg.name)) ?? candidates[0];
}
