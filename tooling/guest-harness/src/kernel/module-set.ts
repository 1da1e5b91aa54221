// Which of a kernel's 4,000 modules the harness keeps, and how they get from a package or a folder into the cache.
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { unxz } from '../debian/deb.ts';
import { loadOrder, moduleDependencies, moduleInfo, moduleName } from './modinfo.ts';

/** The driver everything here is about; a kernel without it is of no use. */
export const REQUIRED_MODULE = 'idxd';

/** Kept where the kernel has them; what they depend on is kept too. */
export const OPTIONAL_MODULES = [
  'iaa_crypto',
  'vfio_pci',
  'vfio_iommu_type1',
  'uio_pci_generic',
  '9p',
  '9pnet_virtio',
] as const;

/** Decompressed module images by kernel name. */
export type ModuleImages = ReadonlyMap<string, Buffer>;

/** A module file decompressed after its ending (.ko, .ko.xz, .ko.zst, .ko.gz). Throws UNPACK. */
export async function decompressModule(file: string, bytes: Buffer): Promise<Buffer> {
  if (file.endsWith('.xz')) return unxz(bytes);
  if (file.endsWith('.zst')) return zstdDecompressSync(bytes);
  if (file.endsWith('.gz')) return gunzipSync(bytes);
  return bytes;
}

/**
 * Collects the wanted modules and their dependencies. `fetch` returns those of the asked names that exist; it is asked
 * again for newly discovered dependencies, which for the names known today happens once.
 */
export async function collectModules(fetch: (names: ReadonlySet<string>) => Promise<ModuleImages>): Promise<ModuleImages> {
  const images = new Map<string, Buffer>();
  const asked = new Set<string>();
  let missing = new Set<string>([REQUIRED_MODULE, ...OPTIONAL_MODULES, ...KNOWN_DEPENDENCIES]);
  while (missing.size > 0) {
    for (const name of missing) asked.add(name);
    for (const [name, image] of await fetch(missing)) images.set(name, image);
    const needed = [...images.values()].flatMap((image) => moduleDependencies(moduleInfo(image)));
    missing = new Set(needed.filter((name) => !asked.has(name)));
  }
  return pruned(images);
}

// Asked for in the first pass over a package, which costs 7 s of decompression; a wrong name here costs nothing.
const KNOWN_DEPENDENCIES = ['idxd_bus', 'vfio', 'vfio_pci_core', 'irqbypass', 'uio', '9pnet', 'netfs', 'crypto_acompress'];

/** Only what a wanted module really needs, and no module whose dependencies could not be found. */
function pruned(images: ModuleImages): ModuleImages {
  const dependencies = (name: string) => {
    const image = images.get(name);
    return image && moduleDependencies(moduleInfo(image));
  };
  const kept = new Set<string>();
  for (const root of [REQUIRED_MODULE, ...OPTIONAL_MODULES]) {
    try {
      for (const name of loadOrder([root], dependencies)) kept.add(name);
    } catch {
      // The kernel has this one built in, or not at all; loading it will say so.
    }
  }
  return new Map([...images].filter(([name]) => kept.has(name)));
}

/** A `fetch` for `collectModules` over the `.ko*` files anywhere below `folder`. */
export function modulesBelow(folder: string): (names: ReadonlySet<string>) => Promise<ModuleImages> {
  return async (names) => {
    const images = new Map<string, Buffer>();
    const files = await readdir(folder, { recursive: true }).catch(() => []);
    for (const file of files) {
      if (!/\.ko(\.(xz|zst|gz))?$/.test(file) || !names.has(moduleName(file))) continue;
      images.set(moduleName(file), await decompressModule(file, await readFile(join(folder, file))));
    }
    return images;
  };
}
