// VFIO_DEVICE_GET_INFO, _REGION_INFO and _IRQ_INFO: what of a request is wrong, and how much of the answer fits. Values only:
// copying from and to the user, and the EFAULT of that, are the caller's.
import { fail, ok } from '@siov/base';
import type { Result } from '@siov/base';
import type { SparseArea } from './device.ts';
import { DEVICE_INFO_SIZE, IRQ_INFO_SIZE, REGION_INFO_SIZE, VFIO_REGION_INFO_CAP } from './uapi.ts';

/** `EINVAL`: `argsz`, the bytes the user has room for, does not cover the structure. */
export function validateDeviceInfo({ argsz }: { readonly argsz: number }): Result<void, 'EINVAL'> {
  return hasRoom('GET_INFO', argsz, DEVICE_INFO_SIZE);
}

/** `EINVAL`: `argsz` does not cover the structure, or there is no such region. */
export function validateRegionInfo({ argsz, index }: { readonly argsz: number; readonly index: number }, numRegions: number): Result<void, 'EINVAL'> {
  return indexed('GET_REGION_INFO', argsz, REGION_INFO_SIZE, index, numRegions);
}

/** `EINVAL`: `argsz` does not cover the structure, or there is no such index. */
export function validateIrqInfo({ argsz, index }: { readonly argsz: number; readonly index: number }, numIrqs: number): Result<void, 'EINVAL'> {
  return indexed('GET_IRQ_INFO', argsz, IRQ_INFO_SIZE, index, numIrqs);
}

function indexed(call: string, argsz: number, size: number, index: number, count: number): Result<void, 'EINVAL'> {
  const room = hasRoom(call, argsz, size);
  if (!room.ok) return room;
  return index >= 0 && index < count ? ok() : fail('EINVAL', `${call}: index ${index} is not below ${count}`);
}

function hasRoom(call: string, argsz: number, size: number): Result<void, 'EINVAL'> {
  return argsz >= size ? ok() : fail('EINVAL', `${call}: argsz ${argsz} is below the ${size} bytes of the structure`);
}

/** What an answer with a capability chain says: the size it needs, where the chain starts (0: it did not fit), and the chain. */
export interface ChainedAnswer {
  readonly argsz: number;
  readonly capOffset: number;
  readonly chain: Uint8Array;
}

/**
 * The chain after a structure of `size` bytes. One that does not fit in `argsz` is no error: the user learns the size and
 * asks again (vfio_info_cap_shift(), and the ioctls that call it).
 */
export function answerWithChain(argsz: number, size: number, chain: Uint8Array): ChainedAnswer {
  if (chain.length === 0) return { argsz, capOffset: 0, chain };
  const needed = size + chain.length;
  return argsz < needed ? { argsz: needed, capOffset: 0, chain: new Uint8Array() } : { argsz, capOffset: size, chain };
}

/**
 * struct vfio_region_info_cap_sparse_mmap: header of id, version 1 and the offset of the next capability, 0 for it is the last;
 * number of areas; then offset and size of each, in bytes. Little-endian.
 */
export function sparseMmapCapability(areas: readonly SparseArea[]): Uint8Array {
  const bytes = new Uint8Array(16 + 16 * areas.length);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, VFIO_REGION_INFO_CAP.SPARSE_MMAP, true);
  view.setUint16(2, 1, true);
  view.setUint32(8, areas.length, true);
  for (const [at, { offset, size }] of areas.entries()) {
    view.setBigUint64(16 + 16 * at, BigInt(offset), true);
    view.setBigUint64(24 + 16 * at, BigInt(size), true);
  }
  return bytes;
}
