// The event log: errors written to a ring in memory, so that more than one can be held (DSA spec 3.0 §5.9, §9.2.16-17).
import { point, waitUntil } from '@siov/base';
import type { StatePort, Steps } from '@siov/base';
import { DEVICE_STATE, EVLCFG0, EVLCFG1, EVLSTATUS, GENCAP, GENCFG, GENCTRL, GENSTS } from '@siov/datasheet';
import type { DeviceRegisters } from './device-registers.ts';
import type { InterruptDelivery } from './interrupt-delivery.ts';
import type { DmaPort } from './ports.ts';

const appending = point('device', 'event log entry');

/** Who has something to say, and how long he can wait for room in the log. */
export interface Reporter {
  /** He was reset: nothing more happens in his name. */
  readonly gone: () => boolean;
  /** He was told to give up what he does, and does not wait for software. */
  readonly hurried: () => boolean;
}

/** `lost`: there was no room, or no memory. `closed`: the log is not in use any more. `gone`: the reporter is. */
export type Appended = 'written' | 'lost' | 'closed' | 'gone';

interface Parts {
  readonly registers: DeviceRegisters;
  readonly interrupts: InterruptDelivery;
  readonly dma: DmaPort;
}

export class EventLog {
  readonly #parts: Parts;
  readonly #log: { writing: boolean };

  constructor(state: StatePort, name: string, parts: Parts) {
    this.#parts = parts;
    this.#log = state.record(`${name}/event-log`, { writing: false });
  }

  /** Enable Device has found it in order, and the device runs. */
  get inUse(): boolean {
    const { registers } = this.#parts;
    const state = GENSTS.state.get(registers.get(GENSTS));
    return GENCFG.eventLogEnable.get(registers.get(GENCFG)) === 1 && (state === DEVICE_STATE.ENABLED || state === DEVICE_STATE.DRAINING);
  }

  /** An entry is on its way to memory. */
  get writing(): boolean {
    return this.#log.writing;
  }

  /**
   * Writes one entry after those before it. While the log is full a device that may not lose entries waits until software
   * moves the head.
   */
  *append(entry: Uint8Array, reporter: Reporter): Steps<Appended> {
    const patient = () => !this.#mayOverflow && !reporter.hurried();
    const goOn = () => reporter.gone() || !this.inUse || (!this.#log.writing && !(this.#full && patient()));
    yield* waitUntil('event log: its turn and room', goOn);
    if (reporter.gone()) return 'gone';
    if (!this.inUse) return 'closed';
    if (this.#full) return 'lost';
    this.#log.writing = true;
    const written = yield* this.#write(entry, reporter);
    this.#log.writing = false;
    if (written === 'written') yield* this.#announce(reporter);
    return written;
  }

  /** The entry is in memory before the tail says so. */
  *#write(entry: Uint8Array, reporter: Reporter): Steps<Appended> {
    const { registers, dma } = this.#parts;
    yield appending;
    if (reporter.gone()) return 'gone';
    const { pasidEnable, priv, base } = EVLCFG0.decode(registers.get(EVLCFG0));
    const { size, pasid } = EVLCFG1.decode(registers.get(EVLCFG1));
    const tail = EVLSTATUS.tail.get(registers.get(EVLSTATUS));
    const address = base * 4096n + BigInt(tail * entry.length);
    const written = yield* dma.write(pasidEnable === 1 ? pasid : null, address, entry, priv === 1);
    if (reporter.gone()) return 'gone';
    if (!written.ok) return 'lost';
    registers.set(EVLSTATUS, EVLSTATUS.tail.set(registers.get(EVLSTATUS), (tail + 1) % size));
    return 'written';
  }

  /** One interrupt until software has cleared the pending bit, however many entries come. */
  *#announce({ gone }: Reporter): Steps<void> {
    const { registers, interrupts } = this.#parts;
    const status = registers.get(EVLSTATUS);
    if (EVLSTATUS.interruptPending.get(status) === 1) return;
    registers.set(EVLSTATUS, EVLSTATUS.interruptPending.set(status, 1));
    if (GENCTRL.eventLogInterruptEnable.get(registers.get(GENCTRL)) === 1) yield* interrupts.cause('eventLog', () => !gone());
  }

  get #full(): boolean {
    const { registers } = this.#parts;
    const { head, tail } = EVLSTATUS.decode(registers.get(EVLSTATUS));
    return (tail + 1) % EVLCFG1.size.get(registers.get(EVLCFG1)) === head;
  }

  get #mayOverflow(): boolean {
    return GENCAP.eventLogOverflow.get(this.#parts.registers.get(GENCAP)) === 1;
  }
}
