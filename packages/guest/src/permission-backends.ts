// Where a queue's interrupt and its permission come from: the MSI-X table, or the interrupt message store of a host.
import { ModelError, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { Msixperm, MSIXPERM_SIZE } from '@siov/datasheet';
import type { PasidBinding } from './pasids.ts';
import type { PermissionBackend, PermissionErrno } from './permissions.ts';

/**
 * The interrupt permission table beside the MSI-X table (idxd_device_set_perm_entry() and idxd_device_clear_perm_entry(),
 * from memory of the kernel source, not looked up). On a host a register, in a guest one that traps: the same writes.
 * Without a PASID nothing is written before the interrupt is requested, and the entry is cleared all the same after it.
 */
export const msixPermissions: PermissionBackend = Object.freeze<PermissionBackend>({
  *grant({ function: function_, msixperm, virqs }, vector, binding) {
    const virq = virqs[vector];
    if (virq === undefined) throw new ModelError(`${function_.name} has no vector ${vector}`);
    if (binding !== null) {
      yield* function_.write(Msixperm, Msixperm.of({ pasidEnable: 1, pasid: binding.pasid }), msixperm + vector * MSIXPERM_SIZE);
    }
    return ok({ virq, entry: { index: vector, ims: false } });
  },
  *revoke({ function: function_, msixperm }, { vector, pasid }, unused) {
    if (unused && pasid === null) return;
    yield* function_.write(Msixperm, Msixperm.reset, msixperm + vector * MSIXPERM_SIZE);
  },
});

/** A domain of the interrupt message store, as the machine has set it up. */
export interface ImsInterrupts {
  /** The interrupt of queue vector `vector`; the domain is given the device's proof of `binding` with the allocation. */
  alloc(vector: number, binding: PasidBinding | null): Steps<Result<{ readonly virq: number; /** Entry of the store. */ readonly index: number }, PermissionErrno>>;
  free(vector: number): Steps<void>;
}

/** The PASID reaches the entry by the irq chip when the interrupt is started (R10): the driver writes none. */
export function imsPermissions(interrupts: ImsInterrupts): PermissionBackend {
  return {
    vectors: 1,
    *grant(_place, vector, binding) {
      const allocated = yield* interrupts.alloc(vector, binding);
      return allocated.ok ? ok({ virq: allocated.value.virq, entry: { index: allocated.value.index, ims: true } }) : allocated;
    },
    *revoke(_place, { vector }) {
      yield* interrupts.free(vector);
    },
  };
}
