// How a CPU reaches registers: naturally aligned accesses of 1, 2, 4 or 8 bytes, each one bus transaction.
import type { Steps } from './steps.ts';

export type AccessSize = 1 | 2 | 4;

/** A window of registers: a BAR, config space. Offsets are bytes from its start. */
export interface AccessPort {
  read(offset: number, size: AccessSize): Steps<number>;
  write(offset: number, size: AccessSize, value: number): Steps<void>;
  read64(offset: number): Steps<bigint>;
  write64(offset: number, value: bigint): Steps<void>;
}

/** The largest naturally aligned access at `offset` that `left` bytes still hold. */
function accessSize(offset: number, left: number): 1 | 2 | 4 | 8 {
  if ((offset & 7) === 0 && left >= 8) return 8;
  if ((offset & 3) === 0 && left >= 4) return 4;
  return (offset & 1) === 0 && left >= 2 ? 2 : 1;
}

/** Fills `into` from `offset` on, split into the largest naturally aligned accesses (as vfio's read path does). */
export function* readBytes(port: AccessPort, offset: number, into: Uint8Array): Steps<void> {
  const view = new DataView(into.buffer, into.byteOffset, into.byteLength);
  for (let done = 0; done < into.length; ) {
    const size = accessSize(offset + done, into.length - done);
    if (size === 8) view.setBigUint64(done, yield* port.read64(offset + done), true);
    else {
      const value = yield* port.read(offset + done, size);
      if (size === 4) view.setUint32(done, value, true);
      else if (size === 2) view.setUint16(done, value, true);
      else view.setUint8(done, value);
    }
    done += size;
  }
}

/** Writes `from` at `offset`, split like {@link readBytes}. */
export function* writeBytes(port: AccessPort, offset: number, from: Uint8Array): Steps<void> {
  const view = new DataView(from.buffer, from.byteOffset, from.byteLength);
  for (let done = 0; done < from.length; ) {
    const size = accessSize(offset + done, from.length - done);
    if (size === 8) yield* port.write64(offset + done, view.getBigUint64(done, true));
    else if (size === 4) yield* port.write(offset + done, 4, view.getUint32(done, true));
    else if (size === 2) yield* port.write(offset + done, 2, view.getUint16(done, true));
    else yield* port.write(offset + done, 1, view.getUint8(done));
    done += size;
  }
}
