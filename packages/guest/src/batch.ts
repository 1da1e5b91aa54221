// One descriptor that stands for many: a list of descriptors in memory, each with a record of its own (DSA spec 3.0 §8.3).
import { fail, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { COMPLETION_RECORD_SIZE, COMPLETION_STATUS, decodeCompletionRecord, DESCRIPTOR_FLAG, DESCRIPTOR_SIZE, encodeDescriptor, GENCAP, OPCODE, statusName } from '@siov/datasheet';
import type { CompletionRecord } from '@siov/datasheet';
import type { QueueDescriptors, WorkRequest } from './descriptors.ts';
import type { DmaBuffer, DmaMemory } from './dma-memory.ts';
import type { SubmitErrno } from './portal.ts';

export interface BatchResult {
  /** Of the batch: SUCCESS, or BATCH_MEMBER_FAILED. */
  readonly record: CompletionRecord;
  /** Of each member, in order; status 0: a fence before it was not passed. */
  readonly members: readonly CompletionRecord[];
}

export type BatchErrno = 'EINVAL' | 'ENOMEM' | 'EIO' | SubmitErrno;

export interface BatchParts {
  readonly descriptors: QueueDescriptors;
  readonly dma: DmaMemory;
  readonly gencap: typeof GENCAP.reset;
  /** 2^n descriptors. */
  readonly maxBatchShift: number;
}

const { COMPLETION_RECORD_ADDRESS_VALID, REQUEST_COMPLETION_RECORD, REQUEST_COMPLETION_INTERRUPT } = DESCRIPTOR_FLAG;
const RECORD = COMPLETION_RECORD_ADDRESS_VALID | REQUEST_COMPLETION_RECORD;

/**
 * Submits `members` as one batch and waits for it; the interrupt is the batch's. `EINVAL`: fewer than the device takes, more
 * than the queue does, or a batch among them; `EIO`: the batch itself failed; `ENXIO`: it was aborted.
 */
export function* runBatch({ descriptors, dma, gencap, maxBatchShift }: BatchParts, members: readonly WorkRequest[]): Steps<Result<BatchResult, BatchErrno>> {
  const [least, most] = [GENCAP.batch1.get(gencap) === 1 ? 1 : 2, 2 ** maxBatchShift];
  if (!(members.length >= least && members.length <= most)) return fail('EINVAL', `a batch of ${members.length} is not in ${least}..${most}`);
  if (members.some(({ opcode }) => opcode === OPCODE.BATCH)) return fail('EINVAL', 'a batch has no batches in it');
  const list = dma.alloc(members.length * (DESCRIPTOR_SIZE + COMPLETION_RECORD_SIZE));
  if (!list.ok) return list;
  writeList(list.value, members);
  const result = yield* submitList(descriptors, list.value, members.length);
  dma.free(list.value);
  return result;
}

function writeList({ memory, address }: DmaBuffer, members: readonly WorkRequest[]): void {
  const records = members.length * DESCRIPTOR_SIZE;
  for (const [index, member] of members.entries()) {
    const record = records + index * COMPLETION_RECORD_SIZE;
    const flags = ((member.flags ?? 0) & ~REQUEST_COMPLETION_INTERRUPT) | RECORD;
    memory.write(index * DESCRIPTOR_SIZE, encodeDescriptor({ ...member, flags, completionRecord: address + BigInt(record) }));
    memory.write(record, new Uint8Array(COMPLETION_RECORD_SIZE));
  }
}

function* submitList(descriptors: QueueDescriptors, { memory, address }: DmaBuffer, count: number): Steps<Result<BatchResult, BatchErrno>> {
  const started = yield* descriptors.start({ opcode: OPCODE.BATCH, source: address, size: count });
  if (!started.ok) return started;
  const outcome = yield* descriptors.outcome(started.value);
  if (outcome.aborted) return fail('ENXIO', `the batch of ${count} was aborted`);
  const { record } = outcome;
  if (record.status !== COMPLETION_STATUS.SUCCESS && record.status !== COMPLETION_STATUS.BATCH_MEMBER_FAILED) {
    return fail('EIO', `the batch of ${count} ended with ${statusName(record.status)}`);
  }
  const members = Array.from({ length: count }, (_, index) => {
    const bytes = new Uint8Array(COMPLETION_RECORD_SIZE);
    memory.read(count * DESCRIPTOR_SIZE + index * COMPLETION_RECORD_SIZE, bytes);
    return decodeCompletionRecord(bytes);
  });
  return ok({ record, members });
}
