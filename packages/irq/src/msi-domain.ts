// MSI domains: an irq domain whose interrupts are messages stored in a device. One domain belongs to one device and may
// serve its children (R26); it is found from the struct device alone (R25).
import { fail, IdAllocator, Lock, ModelError, ok } from '@siov/base';
import type { Errno, Result, Steps } from '@siov/base';
import { deviceKey } from '@siov/device';
import type { Device, DeviceKey } from '@siov/device';
import { composeMsiMsg } from './chip.ts';
import type { IrqChip, IrqData, MsiMsg } from './chip.ts';
import type { IrqCore } from './core.ts';
import { IrqDomain } from './domain.ts';

/** struct msi_desc: one interrupt of one device. `hwirq` is its slot in the domain's hardware. */
export interface MsiDesc {
  readonly device: Device;
  /** Number of the interrupt within its device. */
  readonly index: number;
  readonly hwirq: number;
  /** Linux interrupt number; 0 until it is allocated. */
  readonly virq: number;
}

/** What the hierarchy below an MSI domain is told of the interrupt it allocates for (struct msi_alloc_info). */
export interface MsiAllocInfo {
  readonly device: Device;
  readonly hwirq: number;
}

/** A chip that stores messages in a device. */
export interface MsiChip extends IrqChip {
  irqMask(data: IrqData): Steps<void>;
  irqUnmask(data: IrqData): Steps<void>;
  irqWriteMsiMsg(data: IrqData, message: MsiMsg): Steps<void>;
}

/** struct msi_domain_template. */
export interface MsiDomainTemplate {
  readonly name: string;
  readonly chip: MsiChip;
  /** Slots the hardware has. */
  readonly hwsize: number;
  /** Whether the slot is the index the caller asked for (MSI-X) or any free one (IMS). */
  readonly slots: 'by-index' | 'any';
  /** May refuse the device, before anything is taken (the IMS chip's PASID check: R5, R24); asked again at activation. */
  validate?(device: Device): Result<void, 'EINVAL'>;
  /** The chip's turn at a slot just taken, before any interrupt is allocated for it: reset it. */
  prepare?(device: Device, hwirq: number): Steps<void>;
}

export class MsiDomain {
  readonly name: string;
  readonly template: MsiDomainTemplate;
  readonly irqDomain: IrqDomain<MsiAllocInfo>;
  readonly slots: IdAllocator;

  constructor(core: IrqCore, owner: Device, parent: IrqDomain<MsiAllocInfo>, template: MsiDomainTemplate) {
    const { state } = core.ports;
    this.name = `${template.name}-${owner.name}`;
    this.template = template;
    this.slots = new IdAllocator(state, `${this.name}/slots`, { first: 0, end: template.hwsize });
    this.irqDomain = new IrqDomain<MsiAllocInfo>(
      state,
      this.name,
      {
        *alloc(_domain, _virq, info) {
          return ok({ hwirq: info.hwirq, chip: template.chip, chipData: info.device });
        },
        *free() {},
        *activate(data) {
          // What held at allocation may have ended since, and what starts here must hold.
          const valid = template.validate?.(data.chipData as Device) ?? ok();
          if (!valid.ok) return valid;
          const message = composeMsiMsg(data);
          if (!message.ok) return message;
          yield* template.chip.irqWriteMsiMsg(data, message.value);
          return ok();
        },
        // An all-zero message, as msi_domain_deactivate() writes. What else the slot holds is the chip's to wipe.
        *deactivate(data) {
          yield* template.chip.irqWriteMsiMsg(data, { addressLo: 0, addressHi: 0, data: 0 });
        },
      },
      parent,
    );
  }
}

interface MsiDeviceData {
  readonly domain: MsiDomain;
  /** msi_lock_descs(): allocating and freeing touch registers and take other locks in between. */
  readonly lock: Lock;
  readonly descs: Map<number, MsiDesc>;
}

/** A device's domains: PCI MSI-X in the first, IMS beside it in the second (MSI_SECONDARY_DOMAIN of Linux 6.2). */
export type MsiDomainId = 'default' | 'secondary';

const KEYS: Readonly<Record<MsiDomainId, DeviceKey<MsiDeviceData>>> = {
  default: deviceKey('msi.default'),
  secondary: deviceKey('msi.secondary'),
};

/** dev_set_msi_domain(): the domain `device` allocates from; its own or its parent's. `EEXIST` when it has one. */
export function setMsiDomain(core: IrqCore, device: Device, domain: MsiDomain, id: MsiDomainId = 'default'): Result<void, 'EEXIST'> {
  if (device.get(KEYS[id]) !== undefined) return fail('EEXIST', `${device.name} has a ${id} MSI domain already`);
  const { state } = core.ports;
  device.set(KEYS[id], { domain, lock: new Lock(state, `${device.name}/msi/${id}`), descs: state.map(`${device.name}/msi/${id}`) });
  return ok();
}

/**
 * The device no longer allocates from any domain. Throws {@link ModelError} while it has interrupts: without the domain
 * nobody could free them.
 */
export function clearMsiDomain(device: Device, id: MsiDomainId = 'default'): void {
  const left = device.get(KEYS[id])?.descs.size ?? 0;
  if (left > 0) throw new ModelError(`${device.name}: its ${id} MSI domain is taken away with ${left} interrupts allocated`);
  device.delete(KEYS[id]);
}

/** dev_get_msi_domain(). */
export function msiDomainOf(device: Device, id: MsiDomainId = 'default'): MsiDomain | undefined {
  return device.get(KEYS[id])?.domain;
}

/** The MSI descriptor of `device`'s interrupt `index`. */
export function msiDesc(device: Device, index: number, id: MsiDomainId = 'default'): MsiDesc | undefined {
  return device.get(KEYS[id])?.descs.get(index);
}

export type MsiAllocErrno = Extract<Errno, 'ENODEV' | 'EINVAL' | 'EBUSY' | 'ERANGE' | 'ENOSPC'>;

/**
 * msi_domain_alloc_irq_at(): one interrupt number `index` of `device`. Nothing is left behind by a failure:
 * `ENODEV`: the device has no MSI domain; `EINVAL`: the domain refuses the device; `EBUSY`: the index is taken;
 * `ERANGE`: the index is beyond the hardware; `ENOSPC`: no slot or no vector is left.
 */
export function msiAllocIrq(core: IrqCore, device: Device, index: number, id: MsiDomainId = 'default'): Steps<Result<MsiDesc, MsiAllocErrno>> {
  return core.ports.trace.cross('irq', 'msi_domain_alloc_irq', { device: device.name, index }, alloc(core, device, index, id));
}

function* alloc(core: IrqCore, device: Device, index: number, id: MsiDomainId): Steps<Result<MsiDesc, MsiAllocErrno>> {
  const data = device.get(KEYS[id]);
  if (data === undefined) return fail('ENODEV', `${device.name} has no ${id} MSI domain`);
  return yield* data.lock.with(allocLocked(core, device, index, data));
}

function* allocLocked(core: IrqCore, device: Device, index: number, { domain, descs }: MsiDeviceData): Steps<Result<MsiDesc, MsiAllocErrno>> {
  const { template } = domain;
  const valid = template.validate?.(device) ?? ok();
  if (!valid.ok) return valid;
  if (descs.has(index)) return fail('EBUSY', `${device.name}: interrupt ${index} is allocated`);
  const slot = template.slots === 'any' ? domain.slots.alloc() : domain.slots.reserve(index);
  if (!slot.ok) return slot;
  const hwirq = slot.value;
  if (template.prepare !== undefined) yield* template.prepare(device, hwirq);
  const desc = yield* core.allocIrq(domain.irqDomain, { device, hwirq });
  if (!desc.ok) {
    domain.slots.free(hwirq);
    // Whatever a level below ran out of is no space to the caller, as in __msi_domain_alloc_irqs().
    return fail('ENOSPC', desc.message);
  }
  const made: MsiDesc = { device, index, hwirq, virq: desc.value.virq };
  descs.set(index, made);
  return ok(made);
}

/** msi_domain_free_irqs_range() for one interrupt. `EINVAL` when it is not allocated, `EBUSY` while it is requested. */
export function msiFreeIrq(core: IrqCore, device: Device, index: number, id: MsiDomainId = 'default'): Steps<Result<void, 'EINVAL' | 'EBUSY'>> {
  return core.ports.trace.cross('irq', 'msi_domain_free_irq', { device: device.name, index }, free(core, device, index, id));
}

function* free(core: IrqCore, device: Device, index: number, id: MsiDomainId): Steps<Result<void, 'EINVAL' | 'EBUSY'>> {
  const data = device.get(KEYS[id]);
  if (data === undefined) return fail('EINVAL', `${device.name} has no ${id} MSI domain`);
  return yield* data.lock.with(freeLocked(core, device, index, data));
}

function* freeLocked(core: IrqCore, device: Device, index: number, data: MsiDeviceData): Steps<Result<void, 'EINVAL' | 'EBUSY'>> {
  const desc = data.descs.get(index);
  if (desc === undefined) return fail('EINVAL', `${device.name}: interrupt ${index} is not allocated`);
  const freed = yield* core.freeVirq(desc.virq);
  if (!freed.ok) return freed;
  data.descs.delete(index);
  data.domain.slots.free(desc.hwirq);
  return ok();
}
