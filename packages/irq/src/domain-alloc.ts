// Interrupts of a hierarchy, from the descriptor to the reverse maps and back (__irq_domain_alloc_irqs() and
// irq_domain_free_irqs(), kernel/irq/irqdomain.c).
import { fail, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import type { IrqAffinityDesc } from './affinity.ts';
import { busLocked } from './bus-lock.ts';
import type { IrqCore } from './core.ts';
import type { IrqDesc } from './desc.ts';
import type { AllocErrno, IrqDomain } from './domain.ts';
import { irqDomainDeactivateIrq } from './startup.ts';

/**
 * __irq_domain_alloc_irqs() for one interrupt: a descriptor, then the hierarchy of `domain`. A failure at any level
 * leaves nothing behind. `EINVAL`: no domain, or an empty affinity mask; `ENOMEM`: no virq or memory is left; else what
 * the levels give.
 */
export function* irqDomainAllocIrq<A>(
  core: IrqCore,
  domain: IrqDomain<A> | null,
  argument: A,
  affinity: IrqAffinityDesc | null = null,
): Steps<Result<IrqDesc, AllocErrno>> {
  if (domain === null) return fail('EINVAL', 'an interrupt is allocated from no domain');
  if (affinity?.mask === 0n) return fail('EINVAL', `${domain.name}: an affinity mask without CPUs`);
  const made = core.allocDesc();
  if (!made.ok) return made;
  const desc = made.value;
  if (affinity !== null) Object.assign(desc.state, affinityState(affinity));
  const data = yield* domain.alloc(desc, argument);
  if (!data.ok) {
    core.freeDesc(desc);
    return data;
  }
  desc.state.data = data.value;
  return ok(desc);
}

/** alloc_descs(): a managed interrupt is shut down until it is started on a CPU of its mask. */
function affinityState({ mask, managed }: IrqAffinityDesc) {
  return { affinity: mask, affinitySet: true, managed, managedShutdown: managed };
}

/**
 * irq_domain_free_irqs(): deactivated if it still is not, then the hierarchy from the device to the root, then the
 * descriptor. `EINVAL`: not allocated; `EBUSY`: still requested, of which the kernel only warns.
 */
export function* irqDomainFreeIrq(core: IrqCore, virq: number): Steps<Result<void, 'EINVAL' | 'EBUSY'>> {
  const desc = core.desc(virq);
  return desc === undefined ? notAllocated(virq) : yield* desc.requestMutex.with(free(core, desc));
}

function* free(core: IrqCore, desc: IrqDesc): Steps<Result<void, 'EINVAL' | 'EBUSY'>> {
  const { virq, state } = desc;
  const { data } = state;
  if (data === null) return notAllocated(virq);
  const [holder] = state.actions;
  if (holder !== undefined) return fail('EBUSY', `irq ${virq} is still requested by ${holder.name}`);
  if (state.activated) yield* busLocked(desc, irqDomainDeactivateIrq(desc));
  yield* data.domain.free(data);
  state.data = null;
  core.freeDesc(desc);
  return ok();
}

function notAllocated(virq: number): Result<never, 'EINVAL'> {
  return fail('EINVAL', `irq ${virq} is not allocated`);
}
