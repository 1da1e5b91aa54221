// struct msi_parent_ops: what a domain that per-device MSI domains are stacked on lets them do.
import { fail, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import type { AffinityErrno, AffinityOutcome, ChipFlags, IrqData } from './chip.ts';
import type { CpuMask } from './cpu-mask.ts';
import type { MsiFlags } from './msi-types.ts';

export interface MsiParentOps {
  /** In front of the names of the domains on it: `IR-`. */
  readonly prefix?: string;
  /** What those domains may have beside what they get anyway; a flag beyond these is dropped, or the domain refused. */
  readonly supportedFlags: MsiFlags;
  /** What they get without asking. */
  readonly requiredFlags: MsiFlags;
  /** Added to the flags of their chips. */
  readonly chipFlags: ChipFlags;
  /** In place of msi_domain_set_affinity(). */
  readonly setAffinity?: (data: IrqData, mask: CpuMask, force: boolean) => Steps<Result<AffinityOutcome, AffinityErrno>>;
}

/**
 * init_dev_msi_info(): the flags a domain made of a template with `wanted` has. `EINVAL`, where the kernel says only
 * false: the parent supports no message store in the device (MSI_FLAG_PCI_IMS) and that is what the template is.
 */
export function initDevMsiFlags(ops: MsiParentOps, wanted: MsiFlags, name: string): Result<MsiFlags, 'EINVAL'> {
  if (wanted.pciIms && !ops.supportedFlags.pciIms) return fail('EINVAL', `${name}: its parent domain does not support IMS`);
  const kept = Object.entries(wanted).filter(([flag]) => ops.supportedFlags[flag as keyof MsiFlags] === true);
  return ok({ ...Object.fromEntries(kept), ...ops.requiredFlags });
}
