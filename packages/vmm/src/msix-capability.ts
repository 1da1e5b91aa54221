// The MSI-X capability in config space: where it says that table and pending bits are, and message control as the VMM
// shows it instead of the device's.
import { bit, bits, register } from '@siov/base';

const MSIX_CAPABILITY = 0x11;
const MSIX_CAPABILITY_SIZE = 12;
/** Capabilities are behind the header and within the space that every function has. */
const FIRST_CAPABILITY = 0x40;
/** Bytes. */
export const CONFIG_SIZE = 256;

export const MessageControl = register('MSI-X message control', { offset: 2, width: 16, source: 'PCI Local Bus 3.0 6.8.2.3' }, {
  tableSize: bits(10, 0, 'ro'),
  functionMask: bit(14),
  enable: bit(15),
});
const TableLocation = register('MSI-X table offset', { offset: 4, source: 'PCI Local Bus 3.0 6.8.2.4' }, { bar: bits(2, 0), offset8: bits(31, 3) });
const PendingLocation = register('MSI-X PBA offset', { offset: 8, source: 'PCI Local Bus 3.0 6.8.2.5' }, { bar: bits(2, 0), offset8: bits(31, 3) });

/** Where the device says that something of MSI-X is. Bytes from the BAR's start. */
export interface Place {
  readonly bar: number;
  readonly offset: number;
}

export interface MsixCapability {
  /** Offset in config space. */
  readonly offset: number;
  readonly table: Place;
  readonly pending: Place;
}

/** The capability in the first {@link CONFIG_SIZE} bytes of config space; null when there is none. */
export function findMsix(config: DataView): MsixCapability | null {
  // The two low bits of a pointer are reserved.
  let at = config.getUint8(0x34) & 0xfc;
  for (let left = 48; at >= FIRST_CAPABILITY && left > 0; left--) {
    if (config.getUint8(at) === MSIX_CAPABILITY) return at + MSIX_CAPABILITY_SIZE <= CONFIG_SIZE ? parse(config, at) : null;
    at = config.getUint8(at + 1) & 0xfc;
  }
  return null;
}

function parse(config: DataView, offset: number): MsixCapability {
  const table = TableLocation.image(config.getUint32(offset + TableLocation.offset, true));
  const pending = PendingLocation.image(config.getUint32(offset + PendingLocation.offset, true));
  return {
    offset,
    table: { bar: TableLocation.bar.get(table), offset: TableLocation.offset8.get(table) * 8 },
    pending: { bar: PendingLocation.bar.get(pending), offset: PendingLocation.offset8.get(pending) * 8 },
  };
}

/** The bytes of message control that an access of `size` bytes at `offset` of config space covers: their places in both. */
function* covered(capability: MsixCapability, offset: number, size: number): Generator<{ readonly byte: number; readonly at: number }, void, void> {
  const start = capability.offset + MessageControl.offset - offset;
  for (const byte of [0, 1]) if (start + byte >= 0 && start + byte < size) yield { byte, at: start + byte };
}

/** Puts the bytes of `control` where `bytes`, read at `offset`, show the device's. */
export function overlayControl(capability: MsixCapability, control: number, offset: number, bytes: Uint8Array): void {
  for (const { byte, at } of covered(capability, offset, bytes.length)) bytes[at] = (control >>> (8 * byte)) & 0xff;
}

/** `control` after `bytes` were written at `offset`; null when they leave it alone. */
export function writtenControl(capability: MsixCapability, control: number, offset: number, bytes: Uint8Array): typeof MessageControl.reset | null {
  const places = [...covered(capability, offset, bytes.length)];
  if (places.length === 0) return null;
  return MessageControl.image(places.reduce((word, { byte, at }) => (word & ~(0xff << (8 * byte))) | ((bytes[at] ?? 0) << (8 * byte)), control));
}
