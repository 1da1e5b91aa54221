// A driver with memory for completion records, and a device that completes what it is given when it is told to.
import { bufferMemory, plainState } from '@siov/base';
import type { Steps } from '@siov/base';
import { COMPLETION_STATUS, decodeDescriptor, DESCRIPTOR_FLAG, encodeCompletionRecord } from '@siov/datasheet';
import type { CompletionRecord, Descriptor } from '@siov/datasheet';
import { dmaPool } from '../src/index.ts';
import type { GuestDriverOptions } from '../src/index.ts';
import { bound, recordedPasids } from './recorded-function.ts';
import type { FunctionOptions } from './recorded-function.ts';

/** Where the device finds the first byte of the memory. */
export const ADDRESS = 0x100000n;

export interface MemoryOptions extends FunctionOptions {
  /** Bytes. */
  readonly memorySize?: number;
  readonly driver?: GuestDriverOptions;
  readonly pasids?: boolean;
}

export function withMemory({ memorySize = 0x10000, driver = {}, pasids = true, ...options }: MemoryOptions = {}) {
  const bytes = new Uint8Array(memorySize);
  const dma = dmaPool(options.machineState ?? plainState, 'records', { memory: bufferMemory(bytes), address: ADDRESS });
  let made: ReturnType<typeof recordedPasids> | undefined;
  const guest = bound({ queue: { size: 4, threshold: 3 }, ...options }, (each) => {
    made = recordedPasids(each);
    return { dma, ...(pasids && { pasids: made.pasids }), ...driver };
  });
  if (made === undefined) throw new Error('no PASIDs');
  /** Descriptors the device has and has not completed, oldest first. */
  const inside: Descriptor[] = [];
  guest.hooks.execute = (descriptor) => inside.push(decodeDescriptor(descriptor));
  const at = (address: bigint) => Number(address - ADDRESS);
  /** Writes a record, without the interrupt. */
  const write = ({ completionRecord, flags }: Descriptor, record: Partial<CompletionRecord> = {}) => {
    if ((flags & DESCRIPTOR_FLAG.COMPLETION_RECORD_ADDRESS_VALID) !== 0) bytes.set(encodeCompletionRecord({ status: COMPLETION_STATUS.SUCCESS, ...record }), at(completionRecord));
  };
  /** Completes the `nth` it has, and interrupts unless the record says that the handle is wrong. */
  const complete = (record: Partial<CompletionRecord> = {}, nth = 0) => {
    const [descriptor] = inside.splice(nth, 1);
    if (descriptor === undefined) throw new Error('the device has no descriptor');
    write(descriptor, record);
    if (record.status !== COMPLETION_STATUS.INTERRUPT_HANDLE) guest.fire(1);
    return descriptor;
  };
  /** An agent of its own, whose result is there when it has ended. */
  const spawn = <T>(name: string, steps: Steps<T>): { result?: T } => {
    const box: { result?: T } = {};
    guest.executor.spawn({ name, layer: 'guest' }, (function* () { box.result = yield* steps; })());
    return box;
  };
  /** Has everybody run until nobody can. */
  const settle = () => guest.executor.settle();
  return { ...guest, ...made, bytes, dma, inside, at, write, complete, spawn, settle };
}
