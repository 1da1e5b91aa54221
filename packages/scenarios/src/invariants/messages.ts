// The messages of the store's entries on their way from the device to the IOMMU.
import { parseRemappableMsg } from '@siov/iommu';
import { msiDomainOf } from '@siov/irq';
import type { IrqDesc } from '@siov/irq';
import type { InterruptPort } from '@siov/hw';
import type { ImsDesc } from '@siov/ims';
import type { Subject } from './subject.ts';

export interface EntryMessage {
  readonly slot: number;
  readonly owner: ImsDesc;
  readonly irq: IrqDesc;
  /** It goes to a virtual CPU: no handler of the host will run for it. */
  readonly posted: boolean;
}

export class Messages {
  #host: Subject['host'] | null = null;
  readonly #listeners: ((message: EntryMessage) => void)[] = [];

  /** Called with each message of an entry of the store before it goes on. Messages of other tables are not told. */
  onMessage(listener: (message: EntryMessage) => void): void {
    this.#listeners.push(listener);
  }

  /** Before the first message. */
  attach(host: Subject['host']): void {
    this.#host = host;
  }

  tap(port: InterruptPort): InterruptPort {
    return {
      message: (addressHi, addressLo, data) => {
        const found = this.#find(addressHi, addressLo, data);
        if (found !== null) for (const listener of this.#listeners) listener(found);
        port.message(addressHi, addressLo, data);
      },
    };
  }

  #find(addressHi: number, addressLo: number, data: number): EntryMessage | null {
    if (this.#host === null) return null;
    const { core, remapping, device } = this.#host;
    const index = parseRemappableMsg(addressHi, addressLo, data);
    const irq = core.desc(index < 0 ? 0 : remapping.domain.findMapping(index));
    const outermost = irq?.state.data;
    if (irq === undefined || !outermost || outermost.domain !== msiDomainOf(device, 'secondary')?.irqDomain) return null;
    const posted = remapping.entries().some((entry) => entry.index === index && entry.mode === 'posted');
    return { slot: outermost.hwirq, owner: outermost.chipData as ImsDesc, irq, posted };
  }
}
