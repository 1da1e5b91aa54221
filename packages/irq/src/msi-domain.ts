// MSI domains: an irq domain whose interrupts are messages stored in a device. One domain belongs to one device and may
// serve its children (R26).
import { IdAllocator, ModelError, must, ok } from '@siov/base';
import type { Steps } from '@siov/base';
import type { Device } from '@siov/device';
import type { FlowHandler, IrqChip, IrqData, MsiMsg } from './chip.ts';
import type { IrqCore } from './core.ts';
import { IrqDomain } from './domain.ts';
import type { IrqDomainOps } from './domain.ts';
import { handleEdgeIrq } from './flow/edge.ts';
import { composeMsiMsg } from './hierarchy.ts';
import { msiDomainSetAffinity, writeMsiMsg } from './msi-affinity.ts';
import { initDevMsiFlags } from './msi-parent.ts';
import type { MsiParentOps } from './msi-parent.ts';
import { MSI_MAX_HWSIZE } from './msi-types.ts';
import type { MsiAllocInfo, MsiDesc, MsiDomainTemplate, MsiFlags } from './msi-types.ts';

const NO_MESSAGE: MsiMsg = Object.freeze({ addressLo: 0, addressHi: 0, data: 0 });

/** Contravariant: one whose allocations have to bring something is none that needs nothing (R15). */
export class MsiDomain<in C> {
  readonly name: string;
  readonly core: IrqCore;
  readonly owner: Device;
  readonly template: MsiDomainTemplate<C>;
  /** What the template asked for and the parent lets it have. */
  readonly flags: MsiFlags;
  readonly handler: FlowHandler;
  readonly irqDomain: IrqDomain<MsiAllocInfo>;
  /** Slots of the hardware, whichever devices have them. */
  readonly slots: IdAllocator;

  /**
   * Stacked on `parent`, which may be an MSI parent (its flags, name prefix and affinity setter count then). Throws
   * {@link ModelError} for a template that cannot be: more slots than an index can name, or refused by the parent.
   * Where that is not known beforehand, use `createDeviceMsiDomain()`, which says it as a failure.
   */
  constructor(core: IrqCore, owner: Device, parent: IrqDomain<MsiAllocInfo>, template: MsiDomainTemplate<C>) {
    const { state } = core.ports;
    const ops = parent.options.msiParent;
    const { hwsize } = template;
    if (hwsize > MSI_MAX_HWSIZE) throw new ModelError(`${template.name}: ${hwsize} slots are more than an index can name`);
    this.name = `${ops?.prefix ?? ''}${template.name}-${owner.name}`;
    this.core = core;
    this.owner = owner;
    this.template = template;
    this.flags = ops === undefined ? (template.flags ?? {}) : must(initDevMsiFlags(ops, template.flags ?? {}, this.name), 'an MSI domain');
    this.handler = template.handler ?? handleEdgeIrq;
    this.slots = new IdAllocator(state, `${this.name}/slots`, { first: 0, end: hwsize || MSI_MAX_HWSIZE });
    this.irqDomain = new IrqDomain(state, this.name, domainOps(template, domainChip(template, this.name, ops)), parent, { needsParent: true });
  }
}

function domainOps<C>(template: MsiDomainTemplate<C>, chip: IrqChip): IrqDomainOps<MsiAllocInfo> {
  const descOf = (data: IrqData) => data.chipData as MsiDesc<C>;
  return {
    *alloc(_domain, _virq, { hwirq, desc }) {
      return ok({ hwirq, chip, chipData: desc });
    },
    /** msi_domain_activate() */
    *activate(data) {
      const held = template.activate?.(descOf(data)) ?? ok();
      if (!held.ok) return held;
      const message = composeMsiMsg(data);
      if (!message.ok) {
        template.deactivate?.(descOf(data));
        return message;
      }
      yield* writeMsiMsg(data, message.value);
      return ok();
    },
    /** msi_domain_deactivate(): an all-zero message. What else the slot holds is the chip's to wipe. */
    *deactivate(data): Steps<void> {
      yield* writeMsiMsg(data, NO_MESSAGE);
      template.deactivate?.(descOf(data));
    },
  };
}

/** Every optional callback of a chip, to copy those it has. */
const CALLBACKS = [
  'irqMask', 'irqUnmask', 'irqAck', 'irqEoi', 'irqStartup', 'irqShutdown', 'irqEnable', 'irqDisable', 'irqSetAffinity', 'irqSetType',
  'irqRequestResources', 'irqReleaseResources', 'irqBusLock', 'irqBusSyncUnlock', 'irqComposeMsiMsg', 'irqWriteMsiMsg', 'irqRetrigger',
  'irqGetIrqchipState', 'irqSetIrqchipState', 'irqForceCompleteMove', 'irqSetVcpuAffinity',
] as const satisfies readonly (keyof IrqChip)[];

/** The domain's own copy of the template's chip: named after the domain, completed by the parent's callbacks and the defaults. */
function domainChip<C>({ chip }: MsiDomainTemplate<C>, name: string, ops: MsiParentOps | undefined): IrqChip {
  const own: Record<string, unknown> = {};
  for (const callback of CALLBACKS) {
    const implemented: unknown = chip[callback];
    if (typeof implemented === 'function') own[callback] = implemented.bind(chip) as unknown;
  }
  const setAffinity = ops?.setAffinity ?? msiDomainSetAffinity;
  return { irqSetAffinity: setAffinity, ...own, name, flags: { ...chip.flags, ...ops?.chipFlags } };
}
