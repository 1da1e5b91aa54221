// The interrupt that tells a submitter its queue has room again (DSA spec 3.0 §9.2.11, WQCFG words 4 to 6).
import type { Steps } from '@siov/base';
import { WQCAP, Wqcfg } from '@siov/datasheet';
import type { DeviceRegisters } from './device-registers.ts';
import type { InterruptDelivery } from './interrupt-delivery.ts';
import type { InterruptHandles } from './interrupt-handles.ts';
import type { WorkQueues } from './work-queues.ts';

interface Parts {
  readonly registers: DeviceRegisters;
  readonly queues: WorkQueues;
  readonly handles: InterruptHandles;
  readonly interrupts: InterruptDelivery;
}

export class OccupancyInterrupt {
  readonly #parts: Parts;

  constructor(parts: Parts) {
    this.#parts = parts;
  }

  /** One descriptor left the queue: interrupts once when the occupancy falls below the limit while that is asked for. */
  *fell(wq: number): Steps<void> {
    const { registers, queues, handles, interrupts } = this.#parts;
    if (WQCAP.occupancyInterrupt.get(registers.get(WQCAP)) === 0) return;
    const limit = registers.wq(wq, Wqcfg.OccupancyLimit);
    if (Wqcfg.OccupancyLimit.interruptEnable.get(limit) === 0) return;
    if (queues.occupancy(wq) !== Wqcfg.OccupancyLimit.limit.get(limit) - 1) return;
    const status = registers.wq(wq, Wqcfg.Status);
    if (Wqcfg.Status.occupancyInterruptGenerated.get(status) === 1) return;
    registers.setWq(wq, Wqcfg.Status, Wqcfg.Status.occupancyInterruptGenerated.set(status, 1));
    const selected = registers.wq(wq, Wqcfg.OccupancyInterrupt);
    const ims = Wqcfg.OccupancyInterrupt.ims.get(selected) === 1;
    const entry = handles.entryOf(ims, Wqcfg.OccupancyInterrupt.handle.get(selected));
    if (entry === undefined) return;
    if (!ims && entry.index === 0) yield* interrupts.cause('occupancyLimit');
    else interrupts.raise(entry);
  }
}
