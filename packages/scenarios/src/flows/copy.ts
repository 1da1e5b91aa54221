// One Memory move of a driver, waited for by its interrupt and verified.
import { fail, ok, waitUntil } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { COMPLETION_RECORD_SIZE, COMPLETION_STATUS, decodeCompletionRecord, statusName } from '@siov/datasheet';
import type { GuestWorkQueue } from '@siov/guest';

const SOURCE = 0x100000;
const DESTINATION = 0x800000;
const COMPLETION = 0x1000;
export const LARGEST_COPY = DESTINATION - SOURCE;

/** In `memory`, which the queue's descriptors reach from address 0. `EIO`: not copied, or not told of once. */
export function* copy(memory: Uint8Array, queue: GuestWorkQueue, size: number): Steps<Result<void, 'EINVAL' | 'EIO'>> {
  if (!(Number.isInteger(size) && size > 0 && size <= LARGEST_COPY)) return fail('EINVAL', `copy of ${size} bytes is not in 1..${LARGEST_COPY}`);
  const source = memory.subarray(SOURCE, SOURCE + size);
  const destination = memory.subarray(DESTINATION, DESTINATION + size + 1);
  source.forEach((_, index) => (source[index] = (index * 31 + size) & 0xff));
  destination.fill(0xee);
  memory.fill(0, COMPLETION, COMPLETION + COMPLETION_RECORD_SIZE);
  const taken = queue.interrupts;
  const submitted = yield* queue.copy(BigInt(SOURCE), BigInt(DESTINATION), size, BigInt(COMPLETION));
  if (!submitted.ok) return fail('EIO', `copy of ${size} bytes: ${submitted.message}`);
  yield* waitUntil('completion interrupt', () => queue.interrupts > taken);
  const { status } = decodeCompletionRecord(memory.subarray(COMPLETION, COMPLETION + COMPLETION_RECORD_SIZE));
  if (status !== COMPLETION_STATUS.SUCCESS) return fail('EIO', `copy of ${size} bytes: ${statusName(status)}`);
  if (queue.interrupts !== taken + 1) return fail('EIO', `copy of ${size} bytes raised ${queue.interrupts - taken} interrupts`);
  const differs = source.findIndex((byte, index) => byte !== destination[index]);
  if (differs >= 0) return fail('EIO', `copy of ${size} bytes differs at ${differs}`);
  return destination[size] === 0xee ? ok() : fail('EIO', `copy of ${size} bytes went one byte too far`);
}
