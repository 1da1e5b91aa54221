// A QEMU unpacked from packages and run where it lies, through its own dynamic loader: nothing is installed, nothing of
// the host's libraries is used, and 301 MB of packages become 67 MB.
import { chmod, copyFile, mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join, posix } from 'node:path';
import { readDeb } from '../debian/deb.ts';
import { elfNeeded } from '../elf/elf.ts';
import { GuestError } from '../errors.ts';

/** The package that brings QEMU; its dependencies bring the rest. */
export const QEMU_PACKAGE = 'qemu-system-x86';

const BINARY = 'qemu-system-x86_64';
const LOADER = 'ld-linux-x86-64.so.2';
/** What a q35 machine booted with -kernel reads; everything else in -L is for other machines. */
const FIRMWARE = ['bios-256k.bin', 'kvmvapic.bin', 'linuxboot_dma.bin', 'pvh.bin'];

/** Builds the trimmed prefix in `target` from package files, using `scratch` meanwhile. Throws UNPACK. */
export async function buildQemuPrefix(debs: readonly string[], target: string, scratch: string): Promise<void> {
  const unpacked = await unpack(debs, scratch);
  await mkdir(join(target, 'lib'), { recursive: true });
  await mkdir(join(target, 'firmware'));
  const take = async (from: string, to: string, mode: number) => {
    const source = unpacked.get(from);
    if (!source) throw new GuestError('UNPACK', `none of the packages holds ${from}`);
    await copyFile(source, join(target, to));
    await chmod(join(target, to), mode);
    return source;
  };
  await take(LOADER, LOADER, 0o755);
  for (const file of FIRMWARE) await take(file, join('firmware', file), 0o644);
  const queue = elfNeeded(await readFile(await take(BINARY, BINARY, 0o755)));
  const done = new Set<string>([LOADER]);
  for (let name = queue.shift(); name !== undefined; name = queue.shift()) {
    if (done.has(name)) continue;
    done.add(name);
    queue.push(...elfNeeded(await readFile(await take(name, join('lib', name), 0o644))));
  }
}

/** How to run the QEMU of a prefix. */
export function prefixCommand(prefix: string): { readonly command: string; readonly args: readonly string[] } {
  return {
    command: join(prefix, LOADER),
    args: ['--library-path', join(prefix, 'lib'), join(prefix, BINARY), '-L', join(prefix, 'firmware')],
  };
}

/** Unpacks candidates only, flat: base name to unpacked path. Links between libraries are followed in memory. */
async function unpack(debs: readonly string[], scratch: string): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>(); // path in the archive -> path on disk
  const links = new Map<string, string>(); // path in the archive -> its target in the archive
  await mkdir(scratch, { recursive: true });
  for (const deb of debs) {
    for await (const entry of readDeb(deb)) {
      if (!isCandidate(entry.path)) continue;
      if (entry.type === 'symlink') links.set(entry.path, posix.join(dirname(entry.path), entry.link));
      if (entry.type !== 'file') continue;
      const path = join(scratch, `${files.size}-${basename(entry.path)}`);
      await writeFile(path, await entry.body());
      files.set(entry.path, path);
    }
  }
  const byName = new Map<string, string>();
  for (const [archivePath, path] of files) if (!byName.has(basename(archivePath))) byName.set(basename(archivePath), path);
  for (const link of links.keys()) {
    const path = files.get(followed(link, links));
    if (path && !byName.has(basename(link))) byName.set(basename(link), path);
  }
  return byName;
}

function isCandidate(path: string): boolean {
  const name = basename(path);
  return name === BINARY || FIRMWARE.includes(name) || (/\.so(\.|$)/.test(name) && /^(usr\/)?lib/.test(path));
}

function followed(path: string, links: ReadonlyMap<string, string>): string {
  for (let hops = 0; hops < 8; hops++) path = links.get(path) ?? path;
  return path;
}
