// The vfio-user protocol's numbers and fixed structures (vfio-user spec, protocol 0.1). Pure: bytes in, values out.
//
// Server-to-client DMA_READ and DMA_WRITE (11, 12) are numbered but not spoken: a device reaches memory only through
// mappings. Migration (16 to 18) is not spoken either.
import { ERRNO } from '@siov/base';
import type { Errno } from '@siov/base';
import { layout } from './layout.ts';
import type { ValuesOf } from './layout.ts';

export const COMMAND = {
  VERSION: 1,
  DMA_MAP: 2,
  DMA_UNMAP: 3,
  DEVICE_GET_INFO: 4,
  DEVICE_GET_REGION_INFO: 5,
  DEVICE_GET_REGION_IO_FDS: 6,
  DEVICE_GET_IRQ_INFO: 7,
  DEVICE_SET_IRQS: 8,
  REGION_READ: 9,
  REGION_WRITE: 10,
  DMA_READ: 11,
  DMA_WRITE: 12,
  DEVICE_RESET: 13,
  DIRTY_PAGES: 14,
  REGION_WRITE_MULTI: 15,
  DEVICE_FEATURE: 16,
  MIG_DATA_READ: 17,
  MIG_DATA_WRITE: 18,
} as const;
export type CommandName = keyof typeof COMMAND;

const COMMAND_NAMES = new Map<number, CommandName>(Object.entries(COMMAND).map(([name, number]) => [number, name as CommandName]));

/** `REGION_READ`, or `command 99` for a number the protocol does not have. */
export function commandName(command: number): string {
  return COMMAND_NAMES.get(command) ?? `command ${command}`;
}

export const TYPE_MASK = 0xf;
export const TYPE = { COMMAND: 0, REPLY: 1 } as const;
export const FLAG = { NO_REPLY: 0x10, ERROR: 0x20 } as const;

/** The header of every message. `size` is that of the whole message, `errno` a number in error replies. */
export const Header = layout('header', { id: 'u16', command: 'u16', size: 'u32', flags: 'u32', errno: 'u32' });
export type HeaderValues = ValuesOf<typeof Header>;
export const HEADER_SIZE = Header.size;

/** VERSION begins with this; JSON and a NUL may follow (version.ts). */
export const Version = layout('VERSION', { major: 'u16', minor: 'u16' });

export const DMA_FLAG = { READ: 1, WRITE: 2 } as const;
export const DmaMap = layout('DMA_MAP', { argsz: 'u32', flags: 'u32', offset: 'u64', address: 'u64', size: 'u64' });
export const UNMAP_FLAG = { DIRTY_BITMAP: 1, ALL: 2 } as const;
export const DmaUnmap = layout('DMA_UNMAP', { argsz: 'u32', flags: 'u32', address: 'u64', size: 'u64' });

export const DeviceInfoPayload = layout('DEVICE_GET_INFO', { argsz: 'u32', flags: 'u32', numRegions: 'u32', numIrqs: 'u32' });
export const RegionInfoPayload = layout('DEVICE_GET_REGION_INFO', {
  argsz: 'u32', flags: 'u32', index: 'u32', capOffset: 'u32', size: 'u64', offset: 'u64',
});
export const RegionIoFdsPayload = layout('DEVICE_GET_REGION_IO_FDS', { argsz: 'u32', flags: 'u32', index: 'u32', count: 'u32' });
export const IrqInfoPayload = layout('DEVICE_GET_IRQ_INFO', { argsz: 'u32', flags: 'u32', index: 'u32', count: 'u32' });

/** DEVICE_SET_IRQS begins with this; booleans of one byte may follow. Eventfds come beside the bytes. */
export const IrqSetPayload = layout('DEVICE_SET_IRQS', { argsz: 'u32', flags: 'u32', index: 'u32', start: 'u32', count: 'u32' });

/** REGION_READ and REGION_WRITE begin with this; `count` bytes of data follow in a write and in the reply to a read. */
export const RegionAccess = layout('REGION access', { offset: 'u64', region: 'u32', count: 'u32' });

/** REGION_WRITE_MULTI: this, then `count` entries of {@link WriteMultiEntry}. The reply is this: how many were done. */
export const WriteMulti = layout('REGION_WRITE_MULTI', { count: 'u64' });
/** The first `count` (1 to 8) bytes of `data` are written. */
export const WriteMultiEntry = layout('REGION_WRITE_MULTI entry', { offset: 'u64', region: 'u32', count: 'u32', data: 'u64' });

/** A message of `command` with `payload`. */
export function encodeRequest(id: number, command: number, payload: Uint8Array, flags = 0): Uint8Array<ArrayBuffer> {
  const message = newMessage(payload.length);
  message.set(payload, HEADER_SIZE);
  Header.write(message, { id, command, size: message.length, flags: TYPE.COMMAND | flags, errno: 0 });
  return message;
}

/** Zeroes with room for a header and `payloadSize` bytes: a reply is written in place. */
export function newMessage(payloadSize: number): Uint8Array<ArrayBuffer> {
  return new Uint8Array(HEADER_SIZE + payloadSize);
}

/** Makes `message` (of {@link newMessage}) the reply to `request`. */
export function sealReply(message: Uint8Array, request: HeaderValues): void {
  Header.write(message, { id: request.id, command: request.command, size: message.length, flags: TYPE.REPLY, errno: 0 });
}

/** The error reply to `request`: a header and nothing else. */
export function encodeError(request: HeaderValues, errno: Errno): Uint8Array<ArrayBuffer> {
  const { id, command } = request;
  return Header.encode({ id, command, size: HEADER_SIZE, flags: TYPE.REPLY | FLAG.ERROR, errno: ERRNO[errno].number });
}
