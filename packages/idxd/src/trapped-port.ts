// Emulated registers as a guest reaches them: each access a trap, and so a crossing into the driver.
import type { AccessPort, AccessSize, Steps, Trace } from '@siov/base';

export interface TrappedRegisters {
  /** For traces. */
  name(offset: number): string;
  read(offset: number, size: AccessSize): number;
  write(offset: number, size: AccessSize, value: number): Steps<void>;
}

/** 64-bit accesses are two, the lower half first. */
export function trappedPort(trace: Trace, { name, read, write }: TrappedRegisters): AccessPort {
  return {
    *read(offset, size) {
      return trace.call('idxd', 'register_read', { register: name(offset), size }, () => read(offset, size));
    },
    write: (offset, size, value) => trace.cross('idxd', 'register_write', { register: name(offset), size, value }, write(offset, size, value)),
    *read64(offset) {
      return trace.call('idxd', 'register_read', { register: name(offset), size: 8 }, () => BigInt(read(offset, 4)) | (BigInt(read(offset + 4, 4)) << 32n));
    },
    *write64(offset, value) {
      yield* trace.cross('idxd', 'register_write', { register: name(offset), size: 8, value }, write64(offset, value));
    },
  };
  function* write64(offset: number, value: bigint): Steps<void> {
    yield* write(offset, 4, Number(value & 0xffffffffn));
    yield* write(offset + 4, 4, Number(value >> 32n));
  }
}
