// Just enough of ELF64 little-endian: find a section, and which libraries a binary needs.
import { GuestError } from '../errors.ts';

/** A section: its bytes are `image.subarray(offset, offset + size)`. */
export interface ElfSection {
  readonly name: string;
  readonly type: number;
  readonly offset: number;
  readonly size: number;
  readonly link: number;
}

const SECTION_HEADER = 64;
const SHT_NOBITS = 8;
const SHT_DYNAMIC = 6;
const DT_NEEDED = 1n;

/** The sections of a 64-bit little-endian ELF image. Throws UNPACK when it is none. */
export function elfSections(image: Buffer): ElfSection[] {
  if (image.length < 64 || image.readUInt32BE(0) !== 0x7f454c46 || image[4] !== 2 || image[5] !== 1) {
    throw new GuestError('UNPACK', 'not a 64-bit little-endian ELF image');
  }
  const table = Number(image.readBigUInt64LE(40));
  const count = image.readUInt16LE(60);
  if (table + count * SECTION_HEADER > image.length) throw new GuestError('UNPACK', 'ELF section table is cut off');
  const raw = Array.from({ length: count }, (_, i) => {
    const at = table + i * SECTION_HEADER;
    return {
      nameAt: image.readUInt32LE(at),
      type: image.readUInt32LE(at + 4),
      offset: Number(image.readBigUInt64LE(at + 24)),
      size: Number(image.readBigUInt64LE(at + 32)),
      link: image.readUInt32LE(at + 40),
    };
  });
  const names = raw[image.readUInt16LE(62)];
  return raw.map(({ nameAt, ...section }) => ({ ...section, name: names ? cString(image, names.offset + nameAt) : '' }));
}

/** The bytes of section `name`, or undefined where the image has none. */
export function elfSection(image: Buffer, name: string): Buffer | undefined {
  const section = elfSections(image).find((candidate) => candidate.name === name);
  if (!section || section.type === SHT_NOBITS) return undefined;
  return image.subarray(section.offset, section.offset + section.size);
}

/** The sonames a dynamic binary needs (DT_NEEDED), in order; empty for a static one. */
export function elfNeeded(image: Buffer): string[] {
  const sections = elfSections(image);
  const dynamic = sections.find((section) => section.type === SHT_DYNAMIC);
  const strings = dynamic && sections[dynamic.link];
  if (!dynamic || !strings) return [];
  const needed: string[] = [];
  for (let at = dynamic.offset; at + 16 <= dynamic.offset + dynamic.size; at += 16) {
    if (image.readBigInt64LE(at) === DT_NEEDED) {
      needed.push(cString(image, strings.offset + Number(image.readBigUInt64LE(at + 8))));
    }
  }
  return needed;
}

function cString(image: Buffer, at: number): string {
  const end = image.indexOf(0, at);
  return image.toString('latin1', at, end < 0 ? image.length : end);
}
