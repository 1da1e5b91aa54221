// The interrupt-remapping level of the irq hierarchy: takes table entries and writes them
// (drivers/iommu/intel/irq_remapping.c).
import { fail, IdAllocator, ok } from '@siov/base';
import type { Result, StatePort, Steps } from '@siov/base';
import { IrqDomain, remappingMsiParent } from '@siov/irq';
import type { AffinityErrno, AffinityOutcome, AllocErrno, CpuMask, IrqChip, IrqData, IrqDesc, LevelData, MsiAllocInfo, VcpuAffinity, VectorDomain } from '@siov/irq';
import { clearIrte, readIrte, VALIDATION, writePosted, writeRemapped } from './irte.ts';
import type { IrteContent } from './irte.ts';
import type { PostedInterrupts } from './posted-interrupts.ts';
import { composeRemappableMsg } from './remappable-message.ts';

/** What of the vector domain the level uses. */
export type RemappedVectors = Pick<VectorDomain, 'domain' | 'raise' | 'targetOf' | 'scheduleCleanup'>;

/** struct intel_ir_data: what the level keeps of an interrupt. */
interface IrData {
  readonly sourceId: number;
  /** The entry is in the table. */
  present: boolean;
  /** Where it is posted; null: to the host. Replaced as a whole. */
  posted: VcpuAffinity | null;
}

export type RemappedEntry = IrteContent & { readonly index: number; readonly virq: number };

/** One entry as a line of text. */
export function irteText(entry: RemappedEntry): string {
  const source = `source 0x${entry.sourceId.toString(16).padStart(4, '0')} (SVT ${entry.validation}, SQ ${entry.qualifier})`;
  const head = `${entry.index}: irq ${entry.virq}`;
  if (entry.mode === 'not-present') return `${head} not present`;
  const where = entry.mode === 'remapped' ? `CPU ${entry.cpu} vector 0x${entry.vector.toString(16)}` : `posted to 0x${entry.descriptor.toString(16)} vector 0x${entry.vector.toString(16)}`;
  return `${head} ${where}, ${source}`;
}

/** set_msi_sid() for a device without aliases: its requester id, all 16 bits of it. */
const EXACTLY = { qualifier: 0, validation: VALIDATION.requester } as const;

export class RemappingDomain {
  readonly domain: IrqDomain<MsiAllocInfo>;
  readonly #state: StatePort;
  readonly #vectors: RemappedVectors;
  readonly #words: Uint32Array;
  readonly #posted: PostedInterrupts | null;
  readonly #indices: IdAllocator;
  readonly #counts: { present: number };
  readonly #chip: IrqChip = {
    name: 'INTEL-IR',
    irqComposeMsiMsg: (data) => composeRemappableMsg(data.hwirq),
    irqSetAffinity: (data, mask, force) => this.#setAffinity(data, mask, force),
    irqSetVcpuAffinity: (data, target) => this.#setVcpuAffinity(data, target),
  };

  constructor(state: StatePort, vectors: RemappedVectors, table: { words: Uint32Array; size: number; posted: PostedInterrupts | null }) {
    this.#state = state;
    this.#vectors = vectors;
    this.#words = table.words;
    this.#posted = table.posted;
    this.#indices = new IdAllocator(state, 'iommu/irtes', { first: 0, end: table.size });
    this.#counts = state.record('iommu/irtes-present', { present: 0 });
    this.domain = new IrqDomain<MsiAllocInfo>(
      state,
      'INTEL-IR',
      {
        alloc: (_domain, virq, info, desc) => this.#alloc(virq, info, desc),
        free: (data) => this.#free(data),
        activate: (data) => this.#activate(data),
        deactivate: (data) => this.#deactivate(data),
        debugShow: (data) => this.#lines(data),
      },
      vectors.domain,
      { size: table.size, hwirqMax: table.size - 1, needsParent: true, fwnode: 'INTEL-IR', msiParent: remappingMsiParent('IR-') },
    );
  }

  /** Entries allocated, and of them those in the table. */
  get used(): number {
    return this.#indices.used;
  }

  get present(): number {
    return this.#counts.present;
  }

  entries(): RemappedEntry[] {
    const all: RemappedEntry[] = [];
    for (let index = 0; index < this.#indices.end && all.length < this.used; index++) {
      if (this.#indices.has(index)) all.push({ index, virq: this.domain.findMapping(index), ...readIrte(this.#words, index) });
    }
    return all;
  }

  /**
   * intel_irq_remapping_alloc(): an entry whose source is the function that writes the message: a mediated device's
   * messages carry its parent's id. `EINVAL`: for no device; `ENOMEM`: no memory, or the table is full (alloc_irte()).
   */
  *#alloc(virq: number, info: MsiAllocInfo | null, desc: IrqDesc): Steps<Result<LevelData, AllocErrno>> {
    if (info?.device === undefined) return fail('EINVAL', `interrupt remapping: irq ${virq} is for no device`);
    if (!this.#state.grant('irq_2_iommu')) return fail('ENOMEM', `interrupt remapping: no memory for irq ${virq}`);
    const index = this.#indices.alloc();
    if (!index.ok) return fail('ENOMEM', `interrupt remapping: all ${this.#indices.end} entries are in use`);
    const chipData = this.#state.record<IrData>(`iommu/irq_2_iommu/${index.value}`, { sourceId: info.device.requesterId, present: false, posted: null });
    // The entry is replaced at once and the message stays: no need to wait for an interrupt to move it.
    desc.state.movePcntxt = true;
    return ok({ hwirq: index.value, chip: this.#chip, chipData });
  }

  /** An interrupt that was never requested may still be in the table: its message is written when it is allocated. */
  *#free(data: IrqData): Steps<void> {
    yield* this.#deactivate(data);
    this.#indices.free(data.hwirq);
  }

  /** intel_irq_remapping_activate(): to the host, whatever it was before. */
  *#activate(data: IrqData): Steps<Result<void, never>> {
    this.#toHost(data);
    this.#writeHost(data);
    return ok();
  }

  *#deactivate(data: IrqData): Steps<void> {
    const own = data.chipData as IrData;
    this.#toHost(data);
    clearIrte(this.#words, data.hwirq);
    if (own.present) this.#counts.present -= 1;
    own.present = false;
  }

  /** intel_ir_set_affinity(): the vector first, then the entry, unless the interrupt is posted. The message never changes. */
  *#setAffinity(data: IrqData, mask: CpuMask, force: boolean): Steps<Result<AffinityOutcome, AffinityErrno>> {
    const { parent } = data;
    if (parent?.chip.irqSetAffinity === undefined) return fail('EINVAL', `irq ${data.virq}: nothing below interrupt remapping can be moved`);
    const moved = yield* parent.chip.irqSetAffinity(parent, mask, force);
    if (!moved.ok || moved.value === 'done') return moved;
    const own = data.chipData as IrData;
    if (own.present && own.posted === null) this.#writeHost(data);
    this.#vectors.scheduleCleanup(data);
    return ok('done');
  }

  /**
   * intel_ir_set_vcpu_affinity(). `ENODEV`: the hardware cannot post; `EINVAL`: no descriptor is at the address, or the vector
   * is none (the kernel trusts its caller). An entry that is not in the table stays out of it.
   */
  *#setVcpuAffinity(data: IrqData, target: VcpuAffinity | null): Steps<Result<void, 'EINVAL' | 'ENODEV'>> {
    const own = data.chipData as IrData;
    if (target === null) {
      this.#toHost(data);
      if (own.present) this.#writeHost(data);
      return ok();
    }
    if (this.#posted === null) return fail('ENODEV', `irq ${data.virq}: this hardware posts no interrupts`);
    if (this.#posted.find(target.descriptor) < 0) return fail('EINVAL', `irq ${data.virq}: no posted-interrupt descriptor is at 0x${target.descriptor.toString(16)}`);
    if (!(Number.isInteger(target.vector) && target.vector >= 0 && target.vector < 256)) return fail('EINVAL', `irq ${data.virq}: ${target.vector} is no vector`);
    this.#toHost(data);
    own.posted = { ...target };
    this.#posted.use(target.descriptor, 1);
    if (own.present) writePosted(this.#words, data.hwirq, { sourceId: own.sourceId, ...EXACTLY }, target);
    return ok();
  }

  /** It is posted no more, or was not. The entry is the caller's to write. */
  #toHost(data: IrqData): void {
    const own = data.chipData as IrData;
    if (own.posted !== null) this.#posted?.use(own.posted.descriptor, -1);
    own.posted = null;
  }

  #writeHost(data: IrqData): void {
    const own = data.chipData as IrData;
    writeRemapped(this.#words, data.hwirq, { sourceId: own.sourceId, ...EXACTLY }, this.#vectors.targetOf(data));
    if (!own.present) this.#counts.present += 1;
    own.present = true;
  }

  #lines(data: IrqData | null): readonly string[] {
    if (data === null) return [`entries: ${this.used} of ${this.#indices.end}, ${this.present} present`];
    return [irteText({ index: data.hwirq, virq: data.virq, ...readIrte(this.#words, data.hwirq) })];
  }
}
