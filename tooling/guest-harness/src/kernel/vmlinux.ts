// The uncompressed kernel inside a bzImage. Under emulation the kernel's own decompressor costs 2-3 s per boot, and the
// type information the test modules are built from is only in the uncompressed image.
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { unxz } from '../debian/deb.ts';
import { GuestError } from '../errors.ts';

// Fields of the x86 setup header (Documentation/arch/x86/boot.rst), bytes from the start of the file.
const SETUP_SECTS = 0x1f1;
const HEADER_MAGIC = 0x202; // "HdrS"
const KERNEL_VERSION = 0x20e; // of a string, relative to 0x200
const PAYLOAD_OFFSET = 0x248;
const PAYLOAD_LENGTH = 0x24c;

const LIMIT_BYTES = 512 << 20;

/** Whether `image` is an ELF file, i.e. already uncompressed. */
export function isElf(image: Buffer): boolean {
  return image.length > 4 && image.readUInt32BE(0) === 0x7f454c46;
}

/** The ELF vmlinux of a bzImage (or of itself). Throws KERNEL for anything else. */
export async function extractVmlinux(image: Buffer): Promise<Buffer> {
  if (isElf(image)) return image;
  if (image.length < 0x260 || image.toString('latin1', HEADER_MAGIC, HEADER_MAGIC + 4) !== 'HdrS') {
    throw new GuestError('KERNEL', 'neither a vmlinux nor a bzImage');
  }
  const start = ((image[SETUP_SECTS] || 4) + 1) * 512 + image.readUInt32LE(PAYLOAD_OFFSET);
  const payload = image.subarray(start, start + image.readUInt32LE(PAYLOAD_LENGTH));
  const vmlinux = await decompress(payload);
  if (!isElf(vmlinux)) throw new GuestError('KERNEL', 'the payload of the bzImage is not an ELF image');
  return vmlinux;
}

/** The build appends the uncompressed size to the compressed stream: 4 bytes the decoders would trip over. */
async function decompress(payload: Buffer): Promise<Buffer> {
  const stream = payload.subarray(0, -4);
  const magic = payload.subarray(0, 6).toString('hex');
  if (magic.startsWith('28b52ffd')) return zstdDecompressSync(stream, { maxOutputLength: LIMIT_BYTES });
  if (magic.startsWith('1f8b')) return gunzipSync(stream, { maxOutputLength: LIMIT_BYTES });
  if (magic === 'fd377a585a00') return unxz(stream);
  throw new GuestError('KERNEL', `the bzImage is compressed in a way not supported here (starts with ${magic}): give its vmlinux`);
}

/** The release (`uname -r`) a kernel image carries, from the setup header or the banner. Throws KERNEL. */
export function kernelRelease(image: Buffer): string {
  let text = '';
  if (isElf(image)) {
    const at = image.indexOf('Linux version ');
    if (at >= 0) text = image.toString('latin1', at + 14, at + 14 + 128);
  } else if (image.length > 0x260) {
    const at = image.readUInt16LE(KERNEL_VERSION) + 0x200;
    text = image.toString('latin1', at, at + 128);
  }
  const release = /^\d+\.\d+[^\s\0]*/.exec(text)?.[0];
  if (!release) throw new GuestError('KERNEL', 'the image does not say which kernel release it is');
  return release;
}
