// A host with a mediated device and guests on it, every crossing recorded, and all that the host could have kept counted.
import { must } from '@siov/base';
import type { Point, Result, Steps, TraceEvent } from '@siov/base';
import { COMPLETION_RECORD_SIZE, decodeCompletionRecord } from '@siov/datasheet';
import type { CompletionRecord } from '@siov/datasheet';
import { GuestDriver } from '@siov/guest';
import type { GuestWorkQueue } from '@siov/guest';
import { msiDomainOf } from '@siov/irq';
import { GuestMachine, hostCounters, mediatedDevice } from '../src/index.ts';
import type { HostOptions, MediatedDevice } from '../src/index.ts';

export const RECORD = 0x1000;

export function machine(options: Omit<HostOptions, 'trace'> = {}) {
  const events: TraceEvent[] = [];
  const made = mediatedDevice({ ...options, trace: { now: () => 0, sink: (event) => events.push(event) } });
  return { ...made, events, counters: () => allCounters(made) };
}

export type Machine = ReturnType<typeof machine>;

/** Everything a layer of the host can hold, down to the entries of the message store that are not as after a reset. */
export function allCounters({ host, driver, virtual }: MediatedDevice): Record<string, number> {
  const slots = msiDomainOf(host.device, 'secondary')?.slots.used ?? -1;
  const live = Array.from({ length: 2048 }, (_, slot) => host.silicon.imsEntry(slot)).filter((entry) => !entry.mask || entry.pasidEnable || entry.pending || entry.data !== 0);
  return { ...hostCounters(host), slots, liveEntries: live.length, armed: virtual.triggers.armed, wq: host.silicon.wqState(0), owned: Number(driver.mdevs.types[0]?.available() === 0) };
}

/** The guest of one VMM, its driver bound up to the enabled queue. */
export function attach(made: Machine) {
  const { host, vfio } = made;
  const guest = new GuestMachine(host, [vfio], { memorySize: 1 << 20 });
  const vcpu = { name: 'VC0', layer: 'guest' };
  const run = <T>(steps: Steps<Result<T>>, doing: string): T => must(host.executor.run(vcpu, steps), doing);
  return { guest, vcpu, run };
}

export function bind(made: Machine) {
  const attached = attach(made);
  return { ...attached, ...bindOn(attached) };
}

/** Throws with what the driver says when it cannot. */
export function bindOn({ guest, run }: Pick<ReturnType<typeof attach>, 'guest' | 'run'>) {
  const driver = run(GuestDriver.probe(guest.core, guest.device, guest.interruptParent), 'probe');
  run(driver.enable(), 'Enable Device');
  const [queue] = driver.queues;
  if (queue === undefined) throw new Error('no queue');
  run(queue.enable(), 'Enable WQ');
  return { driver, queue };
}

/** All that a guest does: probe, enable, a copy of each size, and everything back. */
export function* flow(guest: GuestMachine, sizes: readonly number[]): Steps<void> {
  const driver = must(yield* GuestDriver.probe(guest.core, guest.device, guest.interruptParent), 'probe');
  must(yield* driver.enable(), 'Enable Device');
  for (const queue of driver.queues) {
    must(yield* queue.enable(), 'Enable WQ');
    for (const size of sizes) yield* copy(guest, queue, size);
    yield* queue.disable();
  }
  yield* driver.disable();
  yield* driver.remove();
}

export function* copy(guest: GuestMachine, queue: GuestWorkQueue, size: number): Steps<void> {
  const taken = queue.interrupts;
  guest.memory.fill(size & 0xff, 0x10000, 0x10000 + size);
  guest.memory.fill(0, 0x80000, 0x80000 + size);
  yield* queue.copy(0x10000n, 0x80000n, size, BigInt(RECORD));
  yield { kind: 'wait', what: 'completion interrupt', ready: () => queue.interrupts > taken } satisfies Point;
  if (guest.memory.subarray(0x80000, 0x80000 + size).some((byte) => byte !== (size & 0xff))) throw new Error(`copy of ${size} bytes differs`);
}

export function record(guest: GuestMachine): CompletionRecord {
  return decodeCompletionRecord(guest.memory.subarray(RECORD, RECORD + COMPLETION_RECORD_SIZE));
}

/** `steps` with `look` called after each of its points. */
export function* watched<T>(steps: Steps<T>, look: (at: Point) => void): Steps<T> {
  for (let next = steps.next(); ; next = steps.next()) {
    if (next.done) return next.value;
    look(next.value);
    yield next.value;
  }
}

/** `agent: from > to operation` of events, for reading. */
export const line = ({ agent, from, to, operation }: TraceEvent) => `${agent}: ${from} > ${to} ${operation}`;
