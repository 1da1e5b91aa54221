// The PASIDs of a virtual machine as its virtual CPUs translate them in ENQCMD and ENQCMDS (Intel SDM vol. 3, "PASID
// Translation" of VMX non-root operation; from memory of it, not looked up).
import { bits, fail, ModelError, ok, register } from '@siov/base';
import type { Result, StatePort } from '@siov/base';

/** The first dword of what ENQCMD stores; bit 31, the privilege, and what is between are not translated. */
const EnqcmdHead = register('ENQCMD command 31:0', { offset: 0, source: 'Intel SDM vol. 2, ENQCMD' }, { pasid: bits(19, 0), rest: bits(31, 20) });
const COMMAND_SIZE = 64;

interface Entry {
  readonly pasid: number;
  /** Devices whose binding it is. */
  readonly users: number;
}

/**
 * The PASID directories and tables that the VMCS of every virtual CPU of a machine points to, as one table: which of the host's
 * PASIDs stands behind a guest's. Filled when the guest binds a PASID, emptied when it unbinds it.
 */
export class PasidTranslation {
  readonly #entries: Map<number, Entry>;

  constructor(state: StatePort, name: string) {
    this.#entries = state.map(`${name}/pasid-translation`);
  }

  /** `gpasid` is the host's `pasid` from now on. `EBUSY`: it is another one already. Twice the same needs two {@link unload}. */
  load(gpasid: number, pasid: number): Result<void, 'EBUSY'> {
    const entry = this.#entries.get(gpasid);
    if (entry !== undefined && entry.pasid !== pasid) return fail('EBUSY', `guest PASID ${gpasid} is translated to ${entry.pasid} already, not to ${pasid}`);
    this.#entries.set(gpasid, { pasid, users: (entry?.users ?? 0) + 1 });
    return ok();
  }

  /** Undoes one {@link load}. */
  unload(gpasid: number): void {
    const entry = this.#entries.get(gpasid);
    if (entry === undefined) throw new ModelError(`guest PASID ${gpasid} is not translated`);
    if (entry.users > 1) this.#entries.set(gpasid, { ...entry, users: entry.users - 1 });
    else this.#entries.delete(gpasid);
  }

  /** The host's PASID behind `gpasid`; undefined when there is none. */
  get(gpasid: number): number | undefined {
    return this.#entries.get(gpasid)?.pasid;
  }

  /** Guest PASIDs that are translated. */
  get size(): number {
    return this.#entries.size;
  }

  /**
   * What the virtual CPU stores for the guest's 64-byte `command`: the same with the host's PASID in bits 19:0. `EFAULT`: there is no
   * translation; the instruction exits to the VMM and stores nothing.
   */
  translate(command: Uint8Array): Result<Uint8Array, 'EFAULT'> {
    if (command.length !== COMMAND_SIZE) throw new ModelError(`ENQCMD stores ${COMMAND_SIZE} bytes, not ${command.length}`);
    const head = EnqcmdHead.image(new DataView(command.buffer, command.byteOffset).getUint32(0, true));
    const gpasid = EnqcmdHead.pasid.get(head);
    const pasid = this.get(gpasid);
    if (pasid === undefined) return fail('EFAULT', `ENQCMD: guest PASID ${gpasid} has no translation`);
    const stored = command.slice();
    new DataView(stored.buffer).setUint32(0, EnqcmdHead.pasid.set(head, pasid), true);
    return ok(stored);
  }
}
