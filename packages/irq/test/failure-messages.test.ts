// Every failure of the core says in a sentence which interrupt, CPU or domain it is about, and the rule it broke.
import { describe, expect, test } from 'vitest';
import { ok } from '@siov/base';
import type { Errno, Result } from '@siov/base';
import {
  cpuDown, cpuMask, cpuUp, disableIrq, disableIrqNosync, enableIrq, freeIrq, handleFasteoiIrq, irqCreateFwspecMapping, IrqDomain, irqDomainAllocIrq, irqDomainFreeIrq, irqGetIrqchipState, irqInjectInterrupt,
  irqSetAffinity, irqSetIrqchipState, irqSetVcpuAffinity, IRQ_NOTCONNECTED, requestIrq, requestThreadedIrq, writeSmpAffinity,
} from '../src/index.ts';
import type { IrqFwSpec, IrqRequest } from '../src/index.ts';
import { counting, makeKernel } from './kernel.ts';
import type { Kernel, KernelOptions } from './kernel.ts';

interface Case {
  readonly says: string;
  readonly errno: Errno;
  readonly options?: KernelOptions;
  readonly prepare?: (kernel: Kernel) => void;
  readonly call: (kernel: Kernel) => Result<unknown>;
}

const thread = function* () { return 'handled' as const; };
const shared = { shared: true };
const movable = { inner: { *irqSetAffinity() { return ok('ok' as const); } } } satisfies KernelOptions;
const activated = ({ run, core, virq }: Kernel): void => { run(requestIrq(core, virq, counting().request)); };
/** The `nth` resource asked for from here on is refused. */
const refusing = (nth: number) => ({ state }: Kernel): void => state.refuse(nth);

function check({ says, errno, options, prepare, call }: Case): void {
  const kernel = makeKernel(options);
  prepare?.(kernel);
  expect(call(kernel)).toEqual({ ok: false, errno, message: says });
}

/** A request of interrupt 16 by `a`, or by `b` where a holder is there already. */
const request = (change: Partial<IrqRequest>, virq = 16) => ({ run, core, desc }: Kernel) =>
  run(requestThreadedIrq(core, virq, counting(desc.state.actions.length > 0 ? 'b' : 'a', change).request));
const held = (change: Partial<IrqRequest> = {}) => ({ run, core, virq }: Kernel): void => {
  expect(run(requestThreadedIrq(core, virq, counting('a', { ...shared, ...change }).request)).ok).toBe(true);
};
const typed = { chip: { *irqSetType() { return ok(); } } } satisfies KernelOptions;

const noThread = { handler: undefined as never, thread };
const REQUESTS: readonly Case[] = [
  { says: 'request_irq(a): the interrupt is not connected', errno: 'ENOTCONN', call: request({}, IRQ_NOTCONNECTED) },
  { says: 'request_irq(16, a): a shared interrupt needs a devId', errno: 'EINVAL', call: request({ ...shared, devId: null }) },
  { says: 'request_irq(16, a): a shared interrupt needs a devId', errno: 'EINVAL', call: request({ ...shared, devId: undefined }) },
  { says: 'request_irq(16, a): a shared interrupt is enabled: who shares it would wait for its interrupts for ever', errno: 'EINVAL', call: request({ ...shared, noAutoen: true }) },
  { says: 'request_irq(16, a): IRQF_COND_SUSPEND is for shared interrupts', errno: 'EINVAL', call: request({ condSuspend: true }) },
  { says: 'request_irq(16, a): IRQF_NO_SUSPEND and IRQF_COND_SUSPEND exclude each other', errno: 'EINVAL', call: request({ ...shared, condSuspend: true, noSuspend: true }) },
  { says: 'request_irq(40, a): there is no such interrupt', errno: 'EINVAL', call: request({}, 40) },
  { says: 'request_irq(16, a): the interrupt is not to be requested', errno: 'EINVAL', prepare: ({ desc }) => { desc.state.noRequest = true; }, call: request({}) },
  { says: 'request_irq(16, a): neither handler nor thread', errno: 'EINVAL', call: request({ handler: undefined as never }) },
  { says: 'request_irq(16, a): no memory for the action', errno: 'ENOMEM', prepare: refusing(1), call: request({}) },
  { says: 'request_irq(16, a): the interrupt has no chip', errno: 'ENOSYS', prepare: ({ desc }) => { desc.state.data = null; }, call: request({}) },
  { says: 'request_irq(16, a): runs in its parent\'s thread and so needs a thread function', errno: 'EINVAL', prepare: ({ desc }) => { desc.state.nestedThread = true; }, call: request({}) },
  { says: 'request_irq(16, a): no memory for the action of its thread function', errno: 'ENOMEM', options: { threadirqs: true }, prepare: refusing(2), call: request({ thread }) },
  { says: 'request_irq(16, a): no memory for its thread', errno: 'ENOMEM', prepare: refusing(2), call: request({ thread }) },
  { says: 'request_irq(16, a): only a thread and not ONESHOT: the interrupt could come for ever before the thread runs', errno: 'EINVAL', call: request(noThread) },
  { says: 'request_irq(16, b): taken by a and not shared by both', errno: 'EBUSY', prepare: held(), call: request({}) },
  { says: 'request_irq(16, b): taken by a and its trigger is edge-rising, not edge-both', errno: 'EBUSY', options: typed, prepare: held({ trigger: 'edge-rising' }), call: request({ ...shared, trigger: 'edge-both' }) },
  { says: 'request_irq(16, b): taken by a and not both are ONESHOT', errno: 'EBUSY', prepare: held({ oneshot: true, thread }), call: request(shared) },
  { says: 'request_irq(16, b): taken by a and not both are for each CPU', errno: 'EBUSY', prepare: held(), call: request({ ...shared, percpu: true }) },
  {
    says: 'request_irq(16, b): 32 ONESHOT actions share it, and there is no bit for another', errno: 'EBUSY',
    prepare: (kernel) => { for (let each = 0; each < 32; each++) held({ oneshot: true, thread, devId: each })(kernel); },
    call: request({ ...shared, oneshot: true, thread }),
  },
];

const OTHERS: readonly Case[] = [
  { says: 'irq_set_affinity(40): there is no such interrupt', errno: 'EINVAL', call: ({ run, core }) => run(irqSetAffinity(core, 40, 1n)) },
  { says: 'irq 16: no level of its hierarchy can be told where it goes', errno: 'EINVAL', call: ({ run, core }) => run(irqSetAffinity(core, 16, 1n)) },
  { says: 'irq 16: no CPU of an empty mask is online', errno: 'EINVAL', options: movable, prepare: ({ desc }) => { desc.state.movePcntxt = true; }, call: ({ run, core }) => run(irqSetAffinity(core, 16, 0n)) },
  { says: 'irq 16: no CPU of 4-5 is online', errno: 'EINVAL', options: movable, prepare: ({ desc }) => { desc.state.movePcntxt = true; }, call: ({ run, core }) => run(irqSetAffinity(core, 16, cpuMask(4, 5))) },
  { says: '/proc/irq/40 is not there', errno: 'EINVAL', call: ({ run, core }) => run(writeSmpAffinity(core, 40, 1n)) },
  { says: 'irq 16 cannot be moved', errno: 'EPERM', call: ({ run, core }) => run(writeSmpAffinity(core, 16, 1n)) },
  { says: 'irq 16: no CPU of the mask is online', errno: 'EINVAL', options: movable, call: ({ run, core }) => run(writeSmpAffinity(core, 16, 4n)) },
  { says: 'CPU 2 is not online', errno: 'EINVAL', call: ({ run, core }) => run(cpuDown(core, 2)) },
  { says: 'CPU 0 is the last one online', errno: 'EBUSY', options: { cpus: 1 }, call: ({ run, core }) => run(cpuDown(core, 0)) },
  { says: 'CPU 2 is none of the 2 possible ones', errno: 'EINVAL', call: ({ run, core }) => run(cpuUp(core, 2)) },

  { says: 'disable_irq(40): there is no such interrupt', errno: 'EINVAL', call: ({ run, core }) => run(disableIrqNosync(core, 40)) },
  { says: 'disable_irq(40): there is no such interrupt', errno: 'EINVAL', call: ({ run, core }) => run(disableIrq(core, 40)) },
  { says: 'enable_irq(40): there is no such interrupt', errno: 'EINVAL', call: ({ run, core }) => run(enableIrq(core, 40)) },
  { says: 'enable_irq(16): the interrupt is not requested', errno: 'EINVAL', call: ({ run, core }) => run(enableIrq(core, 16)) },
  { says: 'enable_irq(16): unbalanced, the interrupt is enabled', errno: 'EINVAL', prepare: activated, call: ({ run, core }) => run(enableIrq(core, 16)) },

  { says: 'irq_get_irqchip_state(40): there is no such interrupt', errno: 'EINVAL', call: ({ run, core }) => run(irqGetIrqchipState(core, 40, 'active')) },
  { says: 'irq 16: no level of its hierarchy tells its state', errno: 'EINVAL', call: ({ run, core }) => run(irqGetIrqchipState(core, 16, 'active')) },
  { says: 'irq_set_irqchip_state(40): there is no such interrupt', errno: 'EINVAL', call: ({ run, core }) => run(irqSetIrqchipState(core, 40, 'pending', true)) },
  { says: 'irq 16: no level of its hierarchy lets its state be set', errno: 'EINVAL', call: ({ run, core }) => run(irqSetIrqchipState(core, 16, 'pending', true)) },
  { says: 'irq_set_vcpu_affinity(40): there is no such interrupt', errno: 'EINVAL', call: ({ run, core }) => run(irqSetVcpuAffinity(core, 40, null)) },
  { says: 'irq 16: no level of its hierarchy posts interrupts', errno: 'ENOSYS', call: ({ run, core }) => run(irqSetVcpuAffinity(core, 16, null)) },
  { says: 'irq_inject_interrupt(40): there is no such interrupt', errno: 'EINVAL', call: ({ run, core }) => run(irqInjectInterrupt(core, 40)) },
  { says: 'irq_inject_interrupt(16): the interrupt is not activated', errno: 'EINVAL', call: ({ run, core }) => run(irqInjectInterrupt(core, 16)) },
  { says: 'irq 16 is level triggered: the device raises it again while it needs to', errno: 'EINVAL', prepare: (kernel) => { activated(kernel); kernel.desc.state.trigger = 'level-low'; }, call: ({ run, core }) => run(irqInjectInterrupt(core, 16)) },
  { says: 'irq 16 is being replayed already', errno: 'EBUSY', prepare: (kernel) => { activated(kernel); kernel.desc.state.replay = true; }, call: ({ run, core }) => run(irqInjectInterrupt(core, 16)) },
  {
    says: 'irq 16 can only be raised by its hardware, and that cannot do it again', errno: 'EINVAL',
    prepare: (kernel) => { activated(kernel); kernel.desc.state.enforceIrqContext = true; }, call: ({ run, core }) => run(irqInjectInterrupt(core, 16)),
  },
  {
    says: 'irq 16 runs in its parent\'s thread and has none that could replay it', errno: 'EINVAL',
    prepare: (kernel) => { activated(kernel); kernel.desc.state.nestedThread = true; }, call: ({ run, core }) => run(irqInjectInterrupt(core, 16)),
  },
];

const plain = ({ state }: Kernel, name: string, options = {}) => new IrqDomain<IrqFwSpec>(state, name, {}, null, options);
const DOMAINS: readonly Case[] = [
  { says: 'an interrupt is allocated from no domain', errno: 'EINVAL', call: ({ run, core }) => run(irqDomainAllocIrq(core, null, null)) },
  { says: 'device: an affinity mask without CPUs', errno: 'EINVAL', call: ({ run, core, domain }) => run(irqDomainAllocIrq(core, domain, null, { mask: 0n, managed: false })) },
  { says: 'no memory for the descriptor of irq 17', errno: 'ENOMEM', prepare: refusing(2), call: ({ run, core, domain }) => run(irqDomainAllocIrq(core, domain, null)) },
  { says: 'device: no memory for the levels of irq 17', errno: 'ENOMEM', prepare: refusing(3), call: ({ run, core, domain }) => run(irqDomainAllocIrq(core, domain, null)) },
  { says: 'mute allocates no interrupts', errno: 'ENOSYS', call: (kernel) => kernel.run(irqDomainAllocIrq(kernel.core, plain(kernel, 'mute') as never, null)) },
  {
    says: 'orphan needs a parent domain and has none', errno: 'ENOSYS',
    call: ({ run, core, state }) => run(irqDomainAllocIrq(core, new IrqDomain(state, 'orphan', { *alloc() { return ok({ hwirq: 0, chip: { name: 'x' }, chipData: null }); } }, null, { needsParent: true }), null)),
  },
  {
    says: 'absent: the outermost level of irq 17 cannot be left out', errno: 'EINVAL',
    call: ({ run, core, state }) => run(irqDomainAllocIrq(core, new IrqDomain(state, 'absent', { disconnected: () => true }), null)),
  },
  { says: 'irq 40 is not allocated', errno: 'EINVAL', call: ({ run, core }) => run(irqDomainFreeIrq(core, 40)) },
  { says: 'irq 16 is still requested by a', errno: 'EBUSY', prepare: activated, call: ({ run, core }) => run(irqDomainFreeIrq(core, 16)) },
  { says: 'no irq domain for GPIO0', errno: 'ENODEV', call: (kernel) => kernel.run(irqCreateFwspecMapping(kernel.core, plain(kernel, 'mute'), { fwnode: 'GPIO0', params: [] })) },
  { says: 'mute: a specifier without words', errno: 'EINVAL', call: (kernel) => kernel.run(irqCreateFwspecMapping(kernel.core, plain(kernel, 'mute', { fwnode: 'GPIO0' }), { fwnode: 'GPIO0', params: [] })) },
];

describe('requests', () => {
  test.each(REQUESTS)('$says', check);
});

describe('interrupts, CPUs and chips', () => {
  test.each(OTHERS)('$says', check);
});

describe('domains', () => {
  test.each(DOMAINS)('$says', check);

  test('one that is removed too early is named, with how many interrupts it has', () => {
    const { domain, allocate } = makeKernel();
    allocate();
    expect(() => domain.remove()).toThrow('domain device is removed with 2 interrupts mapped');
  });
});

test('freeing what is not there is worth a line', () => {
  const { run, core, virq } = makeKernel({ flow: handleFasteoiIrq });
  run(requestIrq(core, virq, counting().request));
  expect(run(freeIrq(core, virq, 'b'))).toBeNull();
  expect(core.log.lines).toEqual(['Trying to free already-free IRQ 16']);
});
