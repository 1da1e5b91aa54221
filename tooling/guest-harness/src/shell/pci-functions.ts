// What lspci would say, read from the guest's sysfs: no tool has to be in the image.
import type { Guest } from '../guest/guest.ts';

/** One address range of a PCI function as the kernel assigned it; `flags` are IORESOURCE_*. */
export interface PciResource {
  readonly start: bigint;
  readonly end: bigint;
  readonly flags: bigint;
}

/** A PCI function as the guest sees it. */
export interface PciFunction {
  /** `domain:bus:device.function`. */
  readonly address: string;
  readonly vendor: number;
  readonly device: number;
  /** 24 bits: base class, sub-class, programming interface. */
  readonly class: number;
  /** Driver bound to it, if any. */
  readonly driver?: string;
  /** BAR 0 to 5, expansion ROM and bridge windows, in sysfs order; unused ones are all zero. */
  readonly resources: readonly PciResource[];
  /** Configuration space, 256 or 4096 bytes. */
  readonly config: Uint8Array;
}

const SCRIPT = `for f in /sys/bus/pci/devices/*; do
  read -r vendor < $f/vendor
  read -r device < $f/device
  read -r class < $f/class
  driver=$(readlink $f/driver)
  echo "@ \${f##*/} $vendor $device $class \${driver##*/}"
  cat $f/resource
  echo =
  od -An -v -tx1 $f/config
done
`;

/** All PCI functions of the guest, by address. */
export async function readPciFunctions(guest: Guest): Promise<PciFunction[]> {
  return parsePciListing(await guest.sh(SCRIPT));
}

/** Parses the listing the guest prints. */
export function parsePciListing(text: string): PciFunction[] {
  return text.split(/^@ /m).slice(1).map((block) => {
    const [head = '', ...lines] = block.trimEnd().split('\n');
    const [address = '', vendor, device, cls, driver] = head.trim().split(' ');
    const divider = lines.indexOf('=');
    const hex = lines.slice(divider + 1).join('').replace(/\s+/g, '');
    return {
      address,
      vendor: Number(vendor),
      device: Number(device),
      class: Number(cls),
      ...(driver ? { driver } : {}),
      resources: lines.slice(0, divider).map(parseResource),
      config: new Uint8Array(Buffer.from(hex, 'hex')),
    };
  });
}

function parseResource(line: string): PciResource {
  const [start = '0', end = '0', flags = '0'] = line.trim().split(/\s+/);
  return { start: BigInt(start), end: BigInt(end), flags: BigInt(flags) };
}
