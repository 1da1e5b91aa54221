// A guest that emulates MOVDIR64B stores eight quadwords in order where the instruction stores 64 bytes at once. What
// arrives is put together again before it reaches the device, which takes whole descriptors only.
import { ok } from '@siov/base';
import type { StatePort, Steps } from '@siov/base';
import { DESCRIPTOR_SIZE } from '@siov/datasheet';
import type { VfioDevice } from '@siov/vfio';

const WORD = 8;

/** `device` with aligned runs of eight 8-byte writes to region `index` combined into one of 64 bytes. */
export function combineWrites(state: StatePort, device: VfioDevice, index: number): VfioDevice {
  /** Bytes collected from a 64-byte slot's start on; a write anywhere else starts anew, as a lost descriptor would. */
  const buffer = state.record(`${device.name}/write-combining`, { slot: -1, filled: 0, bytes: new Uint8Array(DESCRIPTOR_SIZE) });
  function* regionWrite(region: number, offset: number, from: Uint8Array): ReturnType<VfioDevice['regionWrite']> {
    if (region !== index || from.length !== WORD) return yield* device.regionWrite(region, offset, from);
    return yield* combine(offset, from);
  }
  function* combine(offset: number, from: Uint8Array): ReturnType<VfioDevice['regionWrite']> {
    const slot = offset - (offset % DESCRIPTOR_SIZE);
    if (slot !== buffer.slot || offset - slot !== buffer.filled) {
      buffer.slot = slot;
      buffer.filled = 0;
      if (offset !== slot) return ok();
    }
    buffer.bytes = buffer.bytes.slice();
    buffer.bytes.set(from, buffer.filled);
    buffer.filled += WORD;
    if (buffer.filled < DESCRIPTOR_SIZE) return ok();
    buffer.slot = -1;
    return yield* device.regionWrite(index, slot, buffer.bytes);
  }
  function* forget(body: Steps<void>): Steps<void> {
    buffer.slot = -1;
    yield* body;
  }
  return { ...device, regionWrite, reset: () => forget(device.reset()), release: () => forget(device.release()) };
}
