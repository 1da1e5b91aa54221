// Interrupts that firmware describes: from a specifier to the domain that understands it, its hardware number and a virq
// (irq_create_fwspec_mapping(), kernel/irq/irqdomain.c, from memory of the source, not looked up). MSI needs none of this: its argument names the slot.
import { fail, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import type { TriggerType } from './chip.ts';
import type { IrqCore } from './core.ts';
import { irqDomainAllocIrq } from './domain-alloc.ts';
import type { AllocErrno, IrqDomain, IrqFwSpec } from './domain.ts';

/** irq_find_matching_fwspec(): in the tree of domains below `root`, which is `root` itself and all that are stacked on it. */
export function irqFindMatchingFwspec(root: IrqDomain<never>, spec: IrqFwSpec): IrqDomain<IrqFwSpec> | undefined {
  if (root.options.fwnode === spec.fwnode) return root;
  for (const child of root.children) {
    const found = irqFindMatchingFwspec(child, spec);
    if (found !== undefined) return found;
  }
  return undefined;
}

/** irq_domain_translate(). A domain without translation takes the first word for its hardware number. */
function translate(domain: IrqDomain<IrqFwSpec>, spec: IrqFwSpec): Result<{ readonly hwirq: number; readonly type: TriggerType }, 'EINVAL'> {
  if (domain.ops.translate !== undefined) return domain.ops.translate(spec);
  const [hwirq] = spec.params;
  return hwirq === undefined ? fail('EINVAL', `${domain.name}: a specifier without words`) : ok({ hwirq, type: 'none' });
}

/**
 * The virq of a specifier: of its mapping, or of a new one. The kernel gives 0 for every failure; here is why: `ENODEV`:
 * no domain translates for its node; `EINVAL`: the domain does not understand it, or it is mapped with another trigger
 * type; and what allocating gives.
 */
export function* irqCreateFwspecMapping(core: IrqCore, root: IrqDomain<never>, spec: IrqFwSpec): Steps<Result<number, AllocErrno>> {
  const domain = irqFindMatchingFwspec(root, spec);
  if (domain === undefined) return fail('ENODEV', `no irq domain for ${spec.fwnode}`);
  const translated = translate(domain, spec);
  if (!translated.ok) return translated;
  const { hwirq, type } = translated.value;
  const mapped = core.desc(domain.findMapping(hwirq));
  if (mapped === undefined) {
    const made = yield* irqDomainAllocIrq(core, domain, spec);
    if (!made.ok) return made;
    made.value.state.trigger = type;
    return ok(made.value.virq);
  }
  const { state, virq } = mapped;
  if (type !== 'none' && state.trigger !== 'none' && state.trigger !== type) {
    return fail('EINVAL', `type mismatch, failed to map hwirq-${hwirq} for ${domain.name}: it is ${state.trigger}, not ${type}`);
  }
  if (type !== 'none') state.trigger = type;
  return ok(virq);
}
