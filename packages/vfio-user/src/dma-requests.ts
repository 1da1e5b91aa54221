// What the device may reach by DMA: DMA_MAP and DMA_UNMAP.
import { fail, ok } from '@siov/base';
import type { Result } from '@siov/base';
import type { DmaMemory } from './dma-memory.ts';
import type { DmaRange } from './dma-table.ts';
import type { Message } from './framing.ts';
import type { ValuesOf } from './layout.ts';
import type { RequestContext } from './request-context.ts';
import { DMA_FLAG, DmaMap, DmaUnmap, HEADER_SIZE, newMessage, UNMAP_FLAG } from './wire.ts';

type MapValues = ValuesOf<typeof DmaMap>;

/**
 * Maps memory for the device. A range without a descriptor (QEMU's ROMs, or all of a VM without shared memory) is
 * remembered but not shown to the device, which could only reach it by messages: see README.
 */
export function handleDmaMap(session: RequestContext, message: Message): Result<Uint8Array> {
  const asked = DmaMap.read(message.payload);
  if (!asked.ok) return asked;
  const checked = checkMap(session, asked.value, message);
  if (!checked.ok) return checked;
  const { address: iova, size } = asked.value;
  const fd = message.fds.shift();
  if (fd === undefined) {
    session.dma.add({ iova, size });
    session.emit({ kind: 'dma-unreachable', iova, size });
    return ok(newMessage(0));
  }
  return mapForDevice(session, asked.value, fd);
}

function checkMap(session: RequestContext, asked: MapValues, { payload, fds }: Message): Result<void> {
  const { argsz, flags, address, size } = asked;
  if (argsz < DmaMap.size || payload.length !== DmaMap.size) {
    return fail('EINVAL', `DMA_MAP: argsz ${argsz} and ${payload.length} bytes, the structure has ${DmaMap.size}`);
  }
  if (flags === 0 || (flags & ~(DMA_FLAG.READ | DMA_FLAG.WRITE)) !== 0) {
    return fail('EINVAL', `DMA_MAP: flags 0x${flags.toString(16)} are not read, write or both`);
  }
  if (fds.length > 1) return fail('EINVAL', `DMA_MAP: ${fds.length} descriptors for one mapping`);
  const admitted = session.dma.admits(address, size);
  if (!admitted.ok || fds.length === 0) return admitted;
  const { maxMappedBytes } = session.limits;
  return session.dma.mappedBytes + size <= maxMappedBytes ? ok() : fail('ENOSPC', `DMA_MAP: more than ${maxMappedBytes} bytes mapped`);
}

function mapForDevice(session: RequestContext, asked: MapValues, fd: number): Result<Uint8Array> {
  const { address: iova, size, offset, flags } = asked;
  const access = { readable: (flags & DMA_FLAG.READ) !== 0, writable: (flags & DMA_FLAG.WRITE) !== 0 };
  const memory = session.ports.mapMemory(fd, { offset, size, ...access });
  if (!memory.ok) return memory;
  let taken = false;
  try {
    const result = session.call('DMA_MAP', session.device.dmaMap({ iova, size, ...access, memory: memory.value }));
    taken = result.ok;
    if (!result.ok) return result;
    session.dma.add({ iova, size, memory: memory.value });
    return ok(newMessage(0));
  } finally {
    if (!taken) memory.value.detach();
  }
}

/**
 * Unmaps every mapping inside the range; the references are gone when the reply goes. A range in which nothing is
 * mapped succeeds and is counted: QEMU under a vIOMMU unmaps whole spaces, as kernel VFIO lets it.
 */
export function handleDmaUnmap(session: RequestContext, { payload }: Message): Result<Uint8Array> {
  const asked = DmaUnmap.read(payload);
  if (!asked.ok) return asked;
  const { argsz, flags, address, size } = asked.value;
  if ((flags & UNMAP_FLAG.DIRTY_BITMAP) !== 0) return fail('EOPNOTSUPP', 'DMA_UNMAP: dirty pages are not tracked');
  if (argsz < DmaUnmap.size || payload.length !== DmaUnmap.size || (flags & ~UNMAP_FLAG.ALL) !== 0) {
    return fail('EINVAL', `DMA_UNMAP: argsz ${argsz}, flags 0x${flags.toString(16)}, ${payload.length} bytes`);
  }
  const all = flags === UNMAP_FLAG.ALL;
  if (all && (address !== 0n || size !== 0n)) return fail('EINVAL', 'DMA_UNMAP: all, but with an address or a size');
  const found = all ? ok(session.dma.ranges.slice()) : session.dma.inside(address, size);
  if (!found.ok) return found;
  if (found.value.length === 0) session.counters.emptyUnmaps += 1;
  unmapEach(session, found.value);
  const reply = newMessage(DmaUnmap.size);
  reply.set(payload, HEADER_SIZE);
  return ok(reply);
}

/** Every range is gone afterwards, also where the device throws: the client is about to use that memory otherwise. */
function unmapEach(session: RequestContext, ranges: readonly DmaRange<DmaMemory>[]): void {
  const errors: unknown[] = [];
  for (const range of ranges) {
    try {
      if (range.memory !== undefined) session.call('DMA_UNMAP', session.device.dmaUnmap(range.iova, range.size));
    } catch (error) {
      errors.push(error);
    } finally {
      range.memory?.detach();
      session.dma.remove(range);
    }
  }
  if (errors.length > 0) throw errors[0];
}
