// What whoever gives out PASIDs has to keep. Knows no test framework: `test` registers a case, and a case that fails throws.
import { describeFailure, ModelError } from '@siov/base';
import type { Errno, Result } from '@siov/base';
import type { PasidWitness } from '@siov/device';

/** A fresh allocator, and a device that can be attached with what it gives. Small: some cases use it up. */
export interface PasidAllocatorRig {
  /** Lowest id it may give, and the first above the highest. */
  readonly first: number;
  readonly end: number;
  /** Ids between them that it may not give; at least one. */
  readonly reserved: readonly number[];
  alloc(): Result<number>;
  free(pasid: number): Result<void>;
  /** Attaches the device with `pasid`, or detaches it; both must succeed. */
  attach(pasid: number): PasidWitness;
  detach(pasid: number): void;
  /** Everything the allocator keeps, in a form that is equal when it is. */
  snapshot(): unknown;
}

export function pasidAllocatorContract(test: (name: string, run: () => void) => void, rig: () => PasidAllocatorRig): void {
  test('the lowest free id first, reserved ones never, none beyond the width', () => {
    const made = rig();
    const expected = idsOf(made);
    same(takeAll(made), expected, 'ids in the order they were given');
  });

  test('exhaustion is ENOSPC and leaves nothing behind', () => {
    const made = rig();
    takeAll(made);
    const before = JSON.stringify(made.snapshot());
    refused(made.alloc(), 'ENOSPC', 'an allocation when all are taken');
    same(JSON.stringify(made.snapshot()), before, 'what it keeps after a refusal');
  });

  test('a freed id is the next when it is the lowest, and only once', () => {
    const made = rig();
    const [, second = 0] = takeAll(made);
    given(made.free(second), 'freeing');
    same(given(made.alloc(), 'allocating'), second, 'the id that was freed');
    refused(made.alloc(), 'ENOSPC', 'an allocation when all are taken again');
  });

  test('freeing twice, or what was never given, is EINVAL', () => {
    const made = rig();
    const pasid = given(made.alloc(), 'allocating');
    given(made.free(pasid), 'freeing');
    for (const each of [pasid, ...made.reserved, made.end, 0]) refused(made.free(each), 'EINVAL', `freeing ${each}`);
  });

  test('an id a device is attached with is not freed: EBUSY, and nothing changes', () => {
    const made = rig();
    const pasid = given(made.alloc(), 'allocating');
    const witness = made.attach(pasid);
    same(witness.pasid, pasid, 'the id of the witness');
    const before = JSON.stringify(made.snapshot());
    refused(made.free(pasid), 'EBUSY', 'freeing an attached id');
    same(JSON.stringify(made.snapshot()), before, 'what it keeps after a refusal');
    same(witness.valid, true, 'the witness, which stays');
  });

  test('a witness is dead from the detachment on, also when the id is given again', () => {
    const made = rig();
    const pasid = given(made.alloc(), 'allocating');
    const witness = made.attach(pasid);
    made.detach(pasid);
    same(witness.valid, false, 'the witness after the detachment');
    given(made.free(pasid), 'freeing');
    same(given(made.alloc(), 'allocating'), pasid, 'the id given again');
    same(made.attach(pasid).valid, true, 'the new witness');
    same(witness.valid, false, 'the old witness after another attachment');
  });
}

function idsOf({ first, end, reserved }: PasidAllocatorRig): number[] {
  return Array.from({ length: end - first }, (_, each) => first + each).filter((each) => !reserved.includes(each));
}

function takeAll(rig: PasidAllocatorRig): number[] {
  return idsOf(rig).map(() => given(rig.alloc(), 'allocating'));
}

function given<T>(result: Result<T>, doing: string): T {
  if (!result.ok) throw new ModelError(`${doing} failed: ${describeFailure(result)}`);
  return result.value;
}

function refused(result: Result<unknown>, errno: Errno, doing: string): void {
  if (result.ok) throw new ModelError(`${doing} succeeded, and ${errno} was due`);
  if (result.errno !== errno) throw new ModelError(`${doing} gave ${describeFailure(result)}, and ${errno} was due`);
}

function same(found: unknown, expected: unknown, what: string): void {
  const [a, b] = [JSON.stringify(found), JSON.stringify(expected)];
  if (a !== b) throw new ModelError(`${what}: ${a}, not ${b}`);
}
