// Memory move: copied page by page of source and destination, so that a fault says exactly how far it came
// (DSA spec 3.0 §8.3).
import { point } from '@siov/base';
import type { Steps } from '@siov/base';
import { COMPLETION_STATUS, DESCRIPTOR_FLAG } from '@siov/datasheet';
import { overlap } from './descriptor-checks.ts';
import type { InFlight } from './in-flight.ts';
import type { PciFunction } from './pci-function.ts';
import type { DmaPort } from './ports.ts';
import type { Outcome, Work } from './work.ts';

const moving = point('device', 'move data');
const PAGE = 4096;

export interface MoveParts {
  readonly dma: DmaPort;
  readonly inFlight: InFlight;
  readonly pci: PciFunction;
}

/** Undefined: stopped on the way; some of the data may have been written. */
export function* memoryMove(parts: MoveParts, work: Work): Steps<Outcome | undefined> {
  const { source, destination, size } = work.descriptor;
  const { pasid, priv } = work.submitter;
  // From high to low where the start of the source would be overwritten before it was read.
  const down = destination > source && overlap(source, destination, size);
  const buffer = new Uint8Array(Math.min(size, PAGE));
  for (let done = 0; done < size; ) {
    const length = down ? chunkBelow(source, destination, size - done) : chunkAbove(source, destination, done, size - done);
    const offset = BigInt(down ? size - done - length : done);
    const chunk = buffer.subarray(0, length);
    const from = BigInt.asUintN(64, source + offset);
    const to = BigInt.asUintN(64, destination + offset);
    const fault = (address: bigint, write: boolean) => faulted(parts, work, { completed: done, result: down ? 1 : 0, fault: { address, write } });
    yield moving;
    if (parts.inFlight.stopped(work.engine)) return undefined;
    if (!(yield* parts.dma.read(pasid, from, chunk, priv)).ok) return fault(from, false);
    if (parts.inFlight.stopped(work.engine)) return undefined;
    if (!(yield* parts.dma.write(pasid, to, chunk, priv)).ok) return fault(to, true);
    done += length;
  }
  return { status: COMPLETION_STATUS.SUCCESS };
}

/** A page request that is not granted ends the operation; without page requests it ends at once (DSA spec 3.0 §3.13). */
function faulted({ pci }: MoveParts, { descriptor }: Work, rest: Omit<Outcome, 'status'>): Outcome {
  const blocked = (descriptor.flags & DESCRIPTOR_FLAG.BLOCK_ON_FAULT) !== 0 && pci.priEnabled;
  return { status: blocked ? COMPLETION_STATUS.PAGE_REQUEST_REJECTED : COMPLETION_STATUS.PAGE_FAULT, ...rest };
}

/** Bytes from `done` on that cross no page boundary in either place. */
function chunkAbove(source: bigint, destination: bigint, done: number, left: number): number {
  const toBoundary = (address: bigint) => PAGE - Number((address + BigInt(done)) & BigInt(PAGE - 1));
  return Math.min(left, toBoundary(source), toBoundary(destination));
}

/** The same for the bytes that end at `left`. */
function chunkBelow(source: bigint, destination: bigint, left: number): number {
  const toBoundary = (address: bigint) => Number((address + BigInt(left - 1)) & BigInt(PAGE - 1)) + 1;
  return Math.min(left, toBoundary(source), toBoundary(destination));
}
