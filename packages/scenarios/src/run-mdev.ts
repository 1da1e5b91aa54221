// The review's flow b in one process: a guest driver of our own asks for an interrupt, and copies memory with it.
import { fail, must, ok, waitUntil } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { COMPLETION_RECORD_SIZE, COMPLETION_STATUS, decodeCompletionRecord, statusName } from '@siov/datasheet';
import { GuestDriver } from '@siov/guest';
import type { GuestWorkQueue } from '@siov/guest';
import { procInterrupts } from '@siov/irq';
import type { InterruptRow } from '@siov/irq';
import { GuestMachine } from './guest-machine.ts';
import { hostCounters } from './host.ts';
import type { HostOptions } from './host.ts';
import { mediatedDevice } from './mediated.ts';

export interface MdevRunOptions extends HostOptions {
  /** Sizes in bytes of the copies the guest submits, one after the other. */
  readonly copies?: readonly number[];
}

/** What a run did. Interrupt tables are taken while the work queue is enabled. */
export interface MdevRun {
  readonly copies: { readonly count: number; readonly bytes: number };
  /** Completion interrupts the guest's work queue took. */
  readonly completionInterrupts: number;
  readonly softwareErrors: number;
  readonly guestInterrupts: readonly InterruptRow[];
  readonly hostInterrupts: readonly InterruptRow[];
  /** What the host held before the guest attached, and after it left: equal when nothing leaked. */
  readonly before: Readonly<Record<string, number>>;
  readonly after: Readonly<Record<string, number>>;
}

export const DEFAULT_COPIES: readonly number[] = [64, 4096, 8192];

const SOURCE = 0x100000;
const DESTINATION = 0x800000;
const COMPLETION = 0x1000;
const LARGEST = DESTINATION - SOURCE;

/** Runs the flow from creating the mediated device to its release. Throws ModelError where the flow itself is broken. */
export function runMdev(options: MdevRunOptions = {}): MdevRun {
  const { host, vfio } = mediatedDevice(options);
  const { executor, state, trace } = host;
  const before = hostCounters(host);
  const guest = new GuestMachine({ executor, state, trace }, [vfio]);
  const vcpu = { name: 'VC0', layer: 'guest' };
  const run = <T>(steps: Steps<Result<T>>, doing: string): T => must(executor.run(vcpu, steps), doing);
  const driver = run(GuestDriver.probe(guest.core, guest.device, guest.interruptParent), 'guest probe');
  run(driver.enable(), 'enabling the device');
  const [queue] = driver.queues;
  if (queue === undefined) throw new RangeError('the device has no work queue');
  run(queue.enable(), 'enabling the work queue');
  const sizes = options.copies ?? DEFAULT_COPIES;
  for (const size of sizes) run(copy(guest, queue, size), `copying ${size} bytes`);
  // As a dmaengine client does when it gives the channel back.
  if (sizes.length > 0) executor.run(vcpu, queue.drain());
  executor.settle();
  const hostInterrupts = procInterrupts(host.core);
  const guestInterrupts = procInterrupts(guest.core);
  executor.run(vcpu, queue.disable());
  executor.run(vcpu, driver.disable());
  executor.run(vcpu, driver.remove());
  executor.run({ name: 'QM', layer: 'vmm' }, vfio.release());
  executor.settle();
  return {
    copies: { count: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) },
    completionInterrupts: queue.interrupts,
    softwareErrors: driver.function.softwareErrors,
    guestInterrupts,
    hostInterrupts,
    before,
    after: hostCounters(host),
  };
}

/** One Memory move of `size` bytes, waited for by its interrupt and verified. */
function* copy(guest: GuestMachine, queue: GuestWorkQueue, size: number): Steps<Result<void, 'EINVAL' | 'EIO'>> {
  if (!(Number.isInteger(size) && size > 0 && size <= LARGEST)) return fail('EINVAL', `copy of ${size} bytes is not in 1..${LARGEST}`);
  const { memory } = guest;
  const source = memory.subarray(SOURCE, SOURCE + size);
  const destination = memory.subarray(DESTINATION, DESTINATION + size + 1);
  source.forEach((_, index) => (source[index] = (index * 31 + size) & 0xff));
  destination.fill(0xee);
  memory.fill(0, COMPLETION, COMPLETION + COMPLETION_RECORD_SIZE);
  const taken = queue.interrupts;
  yield* queue.copy(BigInt(SOURCE), BigInt(DESTINATION), size, BigInt(COMPLETION));
  yield* waitUntil('completion interrupt', () => queue.interrupts > taken);
  const { status } = decodeCompletionRecord(memory.subarray(COMPLETION, COMPLETION + COMPLETION_RECORD_SIZE));
  if (status !== COMPLETION_STATUS.SUCCESS) return fail('EIO', `copy of ${size} bytes: ${statusName(status)}`);
  if (queue.interrupts !== taken + 1) return fail('EIO', `copy of ${size} bytes raised ${queue.interrupts - taken} interrupts`);
  const differs = source.findIndex((byte, index) => byte !== destination[index]);
  if (differs >= 0) return fail('EIO', `copy of ${size} bytes differs at ${differs}`);
  if (destination[size] !== 0xee) return fail('EIO', `copy of ${size} bytes wrote behind its end`);
  return ok();
}

