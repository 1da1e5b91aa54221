// What a server tells, for people.
import { describeFailure } from '@siov/base';
import type { VfioUserEvent } from '@siov/vfio-user';

/** One line, or null for what nobody wants to read line by line. */
export function describeEvent(event: VfioUserEvent): string | null {
  switch (event.kind) {
    case 'listening':
      return `listening on ${event.socketPath}`;
    case 'attached':
      return 'a client attached';
    case 'negotiated':
      return null;
    case 'request':
      return event.errno === undefined ? null : `${event.command}: ${describeFailure({ ok: false, errno: event.errno, message: event.message ?? 'failed' })}`;
    case 'dma-unreachable':
      // Firmware ROM and its copies below 1 MiB never come with a descriptor; RAM without one is a mistake.
      return isFirmware(event.iova) ? null : `guest memory 0x${event.iova.toString(16)}+0x${event.size.toString(16)} is not shared and cannot be reached by DMA: give QEMU a memory backend with share=on`;
    case 'device-error':
      return `${event.operation}: the device failed: ${event.error instanceof Error ? (event.error.stack ?? event.error.message) : String(event.error)}`;
    case 'refused':
      return 'a second client was refused: one is attached';
    case 'detached':
      return `the client is gone (${event.reason}); interrupts, mappings and descriptors are released`;
    case 'server-error':
      return `server: ${event.error instanceof Error ? event.error.message : String(event.error)}`;
    case 'closed':
      return 'closed';
  }
}

const MIB = 0x100000n;
const GIB = 0x40000000n;

/** Where a PC has ROM: from video memory at 640 KiB to 1 MiB, and the last MiBs below 4 GiB. */
function isFirmware(address: bigint): boolean {
  return (address >= 0xa0000n && address < MIB) || (address >= 4n * GIB - 16n * MIB && address < 4n * GIB);
}
