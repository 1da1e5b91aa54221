// The cpio "newc" format the kernel takes as an initramfs (Documentation/driver-api/early-userspace/buffer-format.rst).
// Written here because a device node in an archive needs no root, and no tool has to be installed.

/** An entry of an initramfs. Paths are relative to its root; folders in front of a path are made by `writeCpio`. */
export type CpioEntry =
  | { readonly path: string; readonly type: 'file'; readonly bytes: Uint8Array; readonly mode?: number }
  | { readonly path: string; readonly type: 'symlink'; readonly target: string }
  | { readonly path: string; readonly type: 'directory' }
  | { readonly path: string; readonly type: 'character'; readonly major: number; readonly minor: number };

const MAGIC = '070701';
const TRAILER = 'TRAILER!!!';
const S_IFCHR = 0o020000;
const S_IFDIR = 0o040000;
const S_IFREG = 0o100000;
const S_IFLNK = 0o120000;

/** The archive, entries in order, missing parent folders inserted before their first use. */
export function writeCpio(entries: readonly CpioEntry[]): Buffer {
  const parts: Uint8Array[] = [];
  const made = new Set<string>();
  let inode = 1;
  for (const entry of withParents(entries)) {
    if (entry.type === 'directory') {
      if (made.has(entry.path)) continue;
      made.add(entry.path);
    }
    parts.push(...record(entry, inode++));
  }
  parts.push(...header({ path: TRAILER, mode: 0, inode: 0, size: 0 }));
  const archive = Buffer.concat(parts);
  return Buffer.concat([archive, Buffer.alloc((512 - (archive.length % 512)) % 512)]);
}

function* withParents(entries: readonly CpioEntry[]): Generator<CpioEntry> {
  for (const entry of entries) {
    const names = entry.path.split('/');
    for (let depth = 1; depth < names.length; depth++) yield { path: names.slice(0, depth).join('/'), type: 'directory' };
    yield entry;
  }
}

function record(entry: CpioEntry, inode: number): Uint8Array[] {
  const { path } = entry;
  switch (entry.type) {
    case 'directory':
      return header({ path, inode, mode: S_IFDIR | 0o755, size: 0 });
    case 'character':
      return header({ path, inode, mode: S_IFCHR | 0o600, size: 0, major: entry.major, minor: entry.minor });
    case 'symlink':
      return withBody({ path, inode, mode: S_IFLNK | 0o777 }, Buffer.from(entry.target));
    case 'file':
      return withBody({ path, inode, mode: S_IFREG | (entry.mode ?? 0o644) }, entry.bytes);
  }
}

interface Header {
  readonly path: string;
  readonly mode: number;
  readonly inode: number;
  readonly size: number;
  readonly major?: number;
  readonly minor?: number;
}

function withBody(fields: Omit<Header, 'size'>, bytes: Uint8Array): Uint8Array[] {
  return [...header({ ...fields, size: bytes.length }), bytes, pad(bytes.length)];
}

function header({ path, mode, inode, size, major = 0, minor = 0 }: Header): Uint8Array[] {
  const name = Buffer.from(`${path}\0`);
  // ino mode uid gid nlink mtime filesize devmajor devminor rdevmajor rdevminor namesize check
  const fields = [inode, mode, 0, 0, 1, 0, size, 0, 0, major, minor, name.length, 0];
  const text = MAGIC + fields.map((value) => value.toString(16).padStart(8, '0')).join('');
  return [Buffer.from(text, 'latin1'), name, pad(text.length + name.length)];
}

function pad(length: number): Uint8Array {
  return new Uint8Array((4 - (length % 4)) % 4);
}
