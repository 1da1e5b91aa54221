// The IMS domain of a physical function: one store, one domain, shared by the function's virtual devices (R26).
import { fail, ok } from '@siov/base';
import type { Result } from '@siov/base';
import type { Device, PasidWitness } from '@siov/device';
import { MsiDomain } from '@siov/irq';
import type { IrqCore, IrqDomain, MsiAllocInfo } from '@siov/irq';
import { EntryIds } from './entry-ids.ts';
import type { IdSource } from './entry-ids.ts';
import { EntryLife } from './entry-life.ts';
import type { ProgrammingPoint } from './entry-life.ts';
import { ImsChip } from './ims-chip.ts';
import type { ImsStorage } from './storage.ts';

/** What a domain is made of. */
export interface ImsParts {
  readonly core: IrqCore;
  /** The physical function whose store it is. */
  readonly owner: Device;
  /** Interrupt remapping, or the vectors. */
  readonly parent: IrqDomain<MsiAllocInfo>;
  readonly storage: ImsStorage;
}

/** What it asks of those who allocate; `C` is what they bring. */
export interface ImsRules<C> {
  readonly id: IdSource;
  readonly program: ProgrammingPoint;
  validate(device: Device, cookie: C): Result<void, 'EINVAL'>;
  /** The domain is no more. */
  ended(): void;
}

export class ImsDomain<C extends PasidWitness | null> extends MsiDomain<C> {
  readonly #state: { destroyed: boolean };
  readonly #rules: ImsRules<C>;

  constructor({ core, owner, parent, storage }: ImsParts, rules: ImsRules<C>) {
    const { ports } = core;
    const ids = new EntryIds(ports.state, owner.name, rules.id);
    const chip = new ImsChip(ports, owner.name, storage, ids);
    const life = new EntryLife(storage, chip, ids, rules.program);
    const state = ports.state.record(`ims/${owner.name}/domain`, { destroyed: false });
    super(core, owner, parent, {
      name: 'IMS',
      chip,
      hwsize: storage.size,
      slots: 'any',
      flags: { pciIms: true },
      validate(device, cookie) {
        if (state.destroyed) return fail('EINVAL', `${device.name}: the IMS domain of ${owner.name} is removed`);
        if (!isPartOf(device, owner)) return fail('EINVAL', `${device.name} is no part of ${owner.name}, whose entries these are`);
        return rules.validate(device, cookie);
      },
      prepareDesc: (desc) => life.prepare(desc),
      freeDesc: (desc) => life.free(desc),
      activate: (desc) => life.activate(desc),
      deactivate: (desc) => life.deactivate(desc),
    });
    this.#state = state;
    this.#rules = rules;
  }

  /** msi_remove_device_irq_domain(): gives no interrupt any more. `EBUSY` while one is allocated. Again is harmless. */
  destroy(): Result<void, 'EBUSY'> {
    if (this.slots.used > 0) return fail('EBUSY', `${this.name}: ${this.slots.used} interrupts are allocated`);
    if (this.#state.destroyed) return ok();
    this.#state.destroyed = true;
    this.irqDomain.remove();
    this.#rules.ended();
    return ok();
  }
}

/** An entry's message is sent by the function that has the store: nobody else's interrupts can be in it. */
function isPartOf(device: Device, owner: Device): boolean {
  for (let each: Device | null = device; each !== null; each = each.parent) if (each === owner) return true;
  return false;
}
