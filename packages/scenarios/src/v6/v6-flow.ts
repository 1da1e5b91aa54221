// Flow c as a run: what `mdev-vsvm` is with the refuted design.
import { must } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { procInterrupts } from '@siov/irq';
import { copy } from '../flows/copy.ts';
import { DEFAULT_COPIES } from '../flows/options.ts';
import type { FlowOptions, FlowRun } from '../flows/options.ts';
import { hardwareTables } from '../flows/tables.ts';
import { hostCounters } from '../host.ts';
import { V6Machine } from './v6-machine.ts';

/** One device on a dedicated queue. Throws ModelError where the flow itself cannot go on. */
export function runV6Flow(options: FlowOptions = {}): FlowRun {
  const machine = new V6Machine(options);
  const { watched, guest, watch, device } = machine;
  const { host } = watched;
  const before = hostCounters(host);
  const run = <T>(steps: Steps<Result<T>>, doing: string): T => must(machine.run(steps), doing);
  run(machine.requestFirst(), 'up to request_irq()');
  machine.run(machine.thenPermit());
  const { driver, queue } = machine;
  const sizes = options.copies ?? DEFAULT_COPIES;
  for (const size of sizes) run(copy(guest.memory, queue, size), `copying ${size} bytes`);
  const tables = { guestInterrupts: procInterrupts(guest.core), hostInterrupts: procInterrupts(host.core), tables: hardwareTables(watched) };
  const { interrupts } = queue;
  machine.run(queue.disable());
  machine.run(driver.disable());
  machine.run(driver.remove());
  const main = { name: 'QM', layer: 'vmm' };
  watch.run(host.executor, main, guest.vmm.unrealize());
  watch.run(host.executor, main, device.vfio.release());
  return {
    copies: { count: sizes.length, bytes: sizes.reduce((sum, size) => sum + size, 0) },
    completionInterrupts: interrupts,
    softwareErrors: driver.function.softwareErrors,
    ...tables,
    vmmErrors: [...guest.vmm.errors, ...device.errors],
    before,
    after: hostCounters(host),
    verdicts: watch.verdicts(options.layers),
  };
}
