// Making an IMS domain. One whose entries check PASIDs gives no interrupt without the witness of a PASID, and that is its
// type (R15); one whose entries check nothing exists only while the host kernel alone can submit work (R3).
import { fail, ok } from '@siov/base';
import type { Result } from '@siov/base';
import type { Device, PasidWitness } from '@siov/device';
import { MSI_MAX_HWSIZE } from '@siov/irq';
import type { IrqCore, IrqDomain, MsiAllocInfo } from '@siov/irq';
import { noLonger, notTheirs } from './entry-ids.ts';
import type { IdSource } from './entry-ids.ts';
import type { ProgrammingPoint } from './entry-life.ts';
import { ImsDomain } from './ims-domain.ts';
import type { ImsParts } from './ims-domain.ts';
import type { ImsStorage } from './storage.ts';

/**
 * Entries that only the PASID they hold may use. Whether entries check is each domain's own choice (R1); once others than
 * the host kernel can submit, this is the only one (R3).
 */
export interface CheckedOptions {
  readonly validatePasid: true;
  /**
   * Where an entry's PASID is from. `cookie`, unless said: the witness its interrupt is allocated with. `device`: the
   * device's record in IOMMU management at the time the entry is programmed (R10), whichever of its witnesses was brought.
   */
  readonly id?: IdSource;
  /** When the entry gets it; `startup` unless said. What an owner of the interrupt sees is the same (R11). */
  readonly program?: ProgrammingPoint;
}

/** Entries that whoever can submit may use: legal while that is the host kernel alone (R3). */
export interface UncheckedOptions {
  readonly validatePasid: false;
}

type Errno = 'EINVAL' | 'ENOMEM';

/**
 * The IMS domain of `owner`, below `parent` (interrupt remapping or the vectors). An allocation from one that checks
 * brings the witness of a PASID, which IOMMU management alone issues (R7); where no device has a PASID, as without
 * scalable mode, it therefore gives no interrupt (R4). `EINVAL`: the store has no entries, or more than an MSI domain
 * can number, or `parent` supports none; `ENOMEM`; `EPERM`: entries are not to check anything while others than the host
 * kernel can submit (R3).
 */
export function createImsDomain(core: IrqCore, owner: Device, parent: IrqDomain<MsiAllocInfo>, storage: ImsStorage, options: CheckedOptions): Result<ImsDomain<PasidWitness>, Errno>;
export function createImsDomain(core: IrqCore, owner: Device, parent: IrqDomain<MsiAllocInfo>, storage: ImsStorage, options: UncheckedOptions): Result<ImsDomain<null>, Errno | 'EPERM'>;
export function createImsDomain(
  core: IrqCore,
  owner: Device,
  parent: IrqDomain<MsiAllocInfo>,
  storage: ImsStorage,
  options: CheckedOptions | UncheckedOptions,
): Result<ImsDomain<PasidWitness> | ImsDomain<null>, Errno | 'EPERM'> {
  const parts: ImsParts = { core, owner, parent, storage };
  const possible = checkParts(parts);
  if (!possible.ok) return possible;
  return options.validatePasid ? ok(checked(parts, options)) : unchecked(parts);
}

function checkParts({ core, owner, parent, storage }: ImsParts): Result<void, Errno> {
  const { size } = storage;
  const { msiParent } = parent.options;
  if (msiParent !== undefined && !msiParent.supportedFlags.pciIms) return fail('EINVAL', `${parent.name} supports no message stores in devices`);
  if (!(size >= 1 && size <= MSI_MAX_HWSIZE)) return fail('EINVAL', `${owner.name}: a message store of ${size} entries is no domain of 1..${MSI_MAX_HWSIZE}`);
  return core.ports.state.grant('ims_data') ? ok() : fail('ENOMEM', `${owner.name}: no memory for an IMS domain`);
}

function checked(parts: ImsParts, { id = 'cookie', program = 'startup' }: CheckedOptions): ImsDomain<PasidWitness> {
  return new ImsDomain<PasidWitness>(parts, {
    id,
    program,
    /** What R5 asks of the chip's allocation callback, before anything is taken. */
    validate(device, witness) {
      if (witness.device !== device) return notTheirs(device.name, witness);
      return witness.valid ? ok() : noLonger(device.name, witness);
    },
    ended() {},
  });
}

function unchecked(parts: ImsParts): Result<ImsDomain<null>, 'EPERM'> {
  const { submitters } = parts.owner;
  const alone = submitters.skipChecks();
  if (!alone.ok) return alone;
  return ok(new ImsDomain<null>(parts, { id: 'cookie', program: 'startup', validate: () => ok(), ended: () => submitters.resumeChecks() }));
}
