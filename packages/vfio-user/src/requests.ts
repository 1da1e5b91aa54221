// Every command a client may send after VERSION, and the handler that serves it.
import { handleDmaMap, handleDmaUnmap } from './dma-requests.ts';
import { handleDeviceInfo, handleIrqInfo, handleRegionInfo, handleRegionIoFds } from './info-requests.ts';
import { handleReset, handleSetIrqs } from './irq-requests.ts';
import { handleRegionRead, handleRegionWrite, handleWriteMulti } from './region-requests.ts';
import type { Handler } from './request-context.ts';
import { COMMAND } from './wire.ts';

export const HANDLERS: ReadonlyMap<number, Handler> = new Map<number, Handler>([
  [COMMAND.DMA_MAP, handleDmaMap],
  [COMMAND.DMA_UNMAP, handleDmaUnmap],
  [COMMAND.DEVICE_GET_INFO, handleDeviceInfo],
  [COMMAND.DEVICE_GET_REGION_INFO, handleRegionInfo],
  [COMMAND.DEVICE_GET_REGION_IO_FDS, handleRegionIoFds],
  [COMMAND.DEVICE_GET_IRQ_INFO, handleIrqInfo],
  [COMMAND.DEVICE_SET_IRQS, handleSetIrqs],
  [COMMAND.REGION_READ, handleRegionRead],
  [COMMAND.REGION_WRITE, handleRegionWrite],
  [COMMAND.DEVICE_RESET, handleReset],
  [COMMAND.REGION_WRITE_MULTI, handleWriteMulti],
]);

/** Commands that may bring descriptors. */
export const FD_COMMANDS: ReadonlySet<number> = new Set([COMMAND.DMA_MAP, COMMAND.DEVICE_SET_IRQS]);

/** Commands of the protocol that are answered EOPNOTSUPP: message DMA is the server's to send, the others are migration. */
export const SPOKEN_ELSEWHERE: ReadonlySet<number> = new Set([
  COMMAND.DMA_READ,
  COMMAND.DMA_WRITE,
  COMMAND.DIRTY_PAGES,
  COMMAND.DEVICE_FEATURE,
  COMMAND.MIG_DATA_READ,
  COMMAND.MIG_DATA_WRITE,
]);
