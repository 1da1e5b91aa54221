// Every public call of the package: what it takes is refused, piece by piece; or why it takes nothing.
import { isSteps, ModelClock, must as mustDo, noTrace, ok } from '@siov/base';
import type { MaybeSteps, Result, Steps } from '@siov/base';
import { takes, takesNothing } from '@siov/base/testing';
import type { ObservedState, SweepTable } from '@siov/base/testing';
import {
  allCpus, clearMsiDomain, composeMsiMsg, composeVectorMsg, cpuDown, cpuList, cpuMask, cpusOf, cpuUp, createDeviceMsiDomain, DeviceMsi, deviceMsi, disableIrq,
  disableIrqNosync, domainRows, domainsText, enableIrq, freeIrq, handleEdgeIrq, handleFasteoiIrq, handleSimpleIrq, hasCpu, hierarchy, irqCanSetAffinity, IrqCore, irqCreateFwspecMapping,
  IrqDomain, irqDomainAllocIrq, irqDomainFreeIrq, irqFindMatchingFwspec, irqGetIrqchipState, irqInjectInterrupt, irqMoveIrq, irqRow, irqSetAffinity, irqSetIrqchipState,
  irqSetVcpuAffinity, irqText, MsiDomain, msiDomainOf, msiDomainSetAffinity, parseDmarMsg, parseVectorMsg, pciAllocIrqVectors, pciEnableMsix, pciMsixAllocIrqAt,
  pciMsixFreeIrq, procInterrupts, procInterruptsText, procIrq, remappingMsiParent, requestIrq, requestThreadedIrq, setMsiDomain, synchronizeHardirq, synchronizeIrq,
  VectorDomain, writeSmpAffinity,
} from '../src/index.ts';
import { ableChip, activatable, allocated, bare, domainless, EARLY, managed, msixOn, msixVectors, pciFunction, request, requested, spread, unreserved } from './failure-sweep-machines.ts';
import { makeStack } from './stack.ts';

const PURE = 'computes only';
const LOOKS = 'only looks';
const GIVES_BACK = 'gives back';
/** A vector on any CPU will do where there is none on those it wants. */
const ANYWHERE = { doesWithLess: true };
/** And where it was given back, a late interrupt is dropped without a word (VECTOR_SHUTDOWN). */
const MARKED = { ...ANYWHERE, leaves: [/^test\/cpu\d+\/vector_irq$/, 'marked as given back'] } as const;
const BOOTS = 'part of the kernel as it boots, which has no caller to tell';
const CHANGES = 'changes what is there';
const thread = function* () { return 'handled' as const; };

const must = <T>(result: Result<T>): T => mustDo(result, 'what the call needs');

function* settle(result: MaybeSteps<void>): Steps<void> {
  if (isSteps(result)) yield* result;
}

const coreTable: SweepTable = {
  'new IrqCore': takesNothing(BOOTS, bare(), ({ state }) => {
    void new IrqCore({ state, trace: noTrace, clock: new ModelClock(state), spawn() {} }, { name: 'other', cpus: 1, nrIrqs: 32, threadAgent: String });
  }),
  'IrqCore.setOnline': takesNothing(CHANGES, bare(), ({ core }) => core.setOnline(1n)),
  'IrqCore.registerCpuHooks': takesNothing(BOOTS, bare(), ({ core }) => core.registerCpuHooks({ cpuOnline() {}, cpuOffline() {}, retriggerPending() {} })),
  'IrqCore.desc': takesNothing(LOOKS, allocated(), ({ core, virq }) => core.desc(virq)),
  'IrqCore.descs': takesNothing(LOOKS, allocated(), ({ core }) => core.descs()),
  'IrqCore.allocDesc': takes(bare(), ({ core }) => core.allocDesc()),
  'IrqCore.freeDesc': takesNothing(GIVES_BACK, allocated(), ({ core, irq }) => core.freeDesc(irq)),
  'IrqCore.handleIrq': takesNothing('an interrupt cannot fail', requested(), ({ core, virq }) => core.handleIrq(virq, 0)),
  'IrqCore.handleIrq [a move waits]': takes(requested(), function* ({ core, virq, irq, vectors }) {
    irq.state.pendingAffinity = 2n;
    vectors.raise(0, vectors.targetOf(irq.state.data as never).vector);
    yield* settle(core.handleIrq(virq, 0));
    return ok();
  }, { neverFails: 'an interrupt cannot fail: one that finds no vector stays where it is' }),
  'handleEdgeIrq.handle': takesNothing('an interrupt cannot fail', requested(), ({ irq }) => handleEdgeIrq.handle(irq, 0)),
  'handleFasteoiIrq.handle': takesNothing('an interrupt cannot fail', requested(), ({ irq }) => handleFasteoiIrq.handle(irq, 0)),
  'handleSimpleIrq.handle': takesNothing('an interrupt cannot fail', requested(), ({ irq }) => handleSimpleIrq.handle(irq, 0)),
  irqMoveIrq: takes(requested(), function* ({ data, irq }) {
    irq.state.pendingAffinity = 2n;
    yield* settle(irqMoveIrq(data));
    return ok();
  }, { neverFails: 'an interrupt cannot fail: one that finds no vector stays where it is' }),
  requestIrq: takes(allocated(), ({ core, virq }) => requestIrq(core, virq, request()), ANYWHERE),
  'requestIrq [shared]': takes(requested({}, { shared: true }), ({ core, virq }) => requestIrq(core, virq, request({ name: 'b', devId: 'b', shared: true }))),
  'requestIrq [vector since allocation]': takes(allocated({ template: EARLY }), ({ core, virq }) => requestIrq(core, virq, request()), ANYWHERE),
  'requestIrq [managed]': takes(
    (state: ObservedState) => { const machine = bare()(state); return { ...machine, virq: machine.alloc(0, managed(0, 1)) }; },
    ({ core, virq }) => requestIrq(core, virq, request()),
    { neverFails: 'what a managed interrupt cannot get leaves it shut down, as the kernel does' },
  ),
  requestThreadedIrq: takes(allocated(), ({ core, virq }) => requestThreadedIrq(core, virq, request({ thread })), ANYWHERE),
  'requestThreadedIrq [ONESHOT]': takes(allocated(), ({ core, virq }) => requestThreadedIrq(core, virq, { name: 'a', devId: 1, thread, oneshot: true }), ANYWHERE),
  'requestThreadedIrq [no auto-enable]': takes(allocated(), ({ core, virq }) => requestThreadedIrq(core, virq, request({ thread, noAutoen: true })), ANYWHERE),
  freeIrq: takesNothing(GIVES_BACK, requested({}, { thread }), ({ core, virq }) => freeIrq(core, virq, 'a')),
  disableIrq: takesNothing(CHANGES, requested(), ({ core, virq }) => disableIrq(core, virq)),
  disableIrqNosync: takesNothing(CHANGES, requested(), ({ core, virq }) => disableIrqNosync(core, virq)),
  enableIrq: takesNothing(CHANGES, requested(), function* ({ core, virq }) {
    yield* disableIrq(core, virq);
    return yield* enableIrq(core, virq);
  }),
  'enableIrq [first start]': takesNothing('its vector came with the request', requested({}, { noAutoen: true }), ({ core, virq }) => enableIrq(core, virq)),
  synchronizeHardirq: takesNothing('waits', requested(), ({ core, virq }) => synchronizeHardirq(core, virq)),
  synchronizeIrq: takesNothing('waits', requested(), ({ core, virq }) => synchronizeIrq(core, virq)),
  irqCanSetAffinity: takesNothing(LOOKS, requested(), ({ irq }) => irqCanSetAffinity(irq)),
  irqSetAffinity: takes(
    (state) => { const machine = requested()(state); machine.irq.state.movePcntxt = true; return machine; },
    ({ core, virq }) => irqSetAffinity(core, virq, 2n),
  ),
  'irqSetAffinity [with the next interrupt]': takesNothing('the move comes later', requested(), ({ core, virq }) => irqSetAffinity(core, virq, 2n)),
  'irqSetAffinity [not active]': takesNothing('it gets a vector that fits when it is activated', allocated(), ({ core, virq }) => irqSetAffinity(core, virq, 2n)),
  irqGetIrqchipState: takesNothing(LOOKS, allocated({ template: { chip: ableChip } }), ({ core, virq }) => irqGetIrqchipState(core, virq, 'active')),
  irqSetIrqchipState: takesNothing(CHANGES, allocated({ template: { chip: ableChip } }), ({ core, virq }) => irqSetIrqchipState(core, virq, 'pending', true)),
  irqInjectInterrupt: takesNothing('raises what is there', requested(), ({ core, virq }) => irqInjectInterrupt(core, virq)),
  irqSetVcpuAffinity: takesNothing(CHANGES, allocated({ template: { chip: ableChip } }), ({ core, virq }) => irqSetVcpuAffinity(core, virq, null)),
  cpuDown: takes(requested(), ({ core }) => cpuDown(core, 0), { neverFails: 'a CPU that goes cannot stop for an interrupt: the kernel logs it' }),
  cpuUp: takesNothing('its vectors are there', requested(), function* ({ core }) {
    yield* cpuDown(core, 1);
    return yield* cpuUp(core, 1);
  }),
  domainRows: takesNothing(LOOKS, allocated(), ({ vectors }) => domainRows(vectors.domain as never)),
  domainsText: takesNothing(LOOKS, allocated(), ({ vectors }) => domainsText(vectors.domain as never)),
  irqRow: takesNothing(LOOKS, allocated(), ({ core, virq }) => irqRow(core, virq)),
  irqText: takesNothing(LOOKS, allocated(), ({ core, virq }) => irqText(core, virq)),
  procInterrupts: takesNothing(LOOKS, requested(), ({ core }) => procInterrupts(core)),
  procInterruptsText: takesNothing(LOOKS, requested(), ({ core }) => procInterruptsText(core)),
  procIrq: takesNothing(LOOKS, requested(), ({ core, virq }) => procIrq(core, virq)),
  writeSmpAffinity: takes(
    (state) => { const machine = requested()(state); machine.irq.state.movePcntxt = true; return machine; },
    ({ core, virq }) => writeSmpAffinity(core, virq, 2n),
  ),
  allCpus: takesNothing(PURE, bare(), () => allCpus(4)),
  cpuList: takesNothing(PURE, bare(), () => cpuList(5n)),
  cpuMask: takesNothing(PURE, bare(), () => cpuMask(1)),
  cpusOf: takesNothing(PURE, bare(), () => cpusOf(5n)),
  hasCpu: takesNothing(PURE, bare(), () => hasCpu(5n, 1)),
};

const domainTable: SweepTable = {
  'new IrqDomain': takesNothing('who makes one asks for its memory', bare(), ({ state }) => new IrqDomain(state, 'd', {})),
  'IrqDomain.alloc': takes(
    (state) => { const machine = bare()(state); return { ...machine, made: must(machine.core.allocDesc()) }; },
    ({ domain, made, owner }) => domain.irqDomain.alloc(made, { device: owner, hwirq: 0, desc: null as never }),
  ),
  'IrqDomain.free': takesNothing(GIVES_BACK, allocated(), ({ data }) => data.domain.free(data)),
  'IrqDomain.activate': takes(allocated(), ({ data }) => data.domain.activate(data), ANYWHERE),
  'IrqDomain.activate [levels]': takes(activatable, ({ data }) => data.domain.activate(data)),
  'IrqDomain.deactivate': takesNothing(GIVES_BACK, requested(), ({ data }) => data.domain.deactivate(data)),
  'IrqDomain.findMapping': takesNothing(LOOKS, allocated(), ({ vectors, virq }) => vectors.domain.findMapping(virq)),
  'IrqDomain.publish': takesNothing(CHANGES, bare(), ({ domain }) => domain.irqDomain.publish()),
  'IrqDomain.remove': takesNothing(GIVES_BACK, bare(), ({ domain }) => domain.irqDomain.remove()),
  irqDomainAllocIrq: takes(bare(), ({ core, vectors }) => irqDomainAllocIrq(core, vectors.domain, null)),
  'irqDomainAllocIrq [at once on a CPU]': takes(bare(), ({ core, vectors }) => irqDomainAllocIrq(core, vectors.domain, { mask: 2n })),
  'irqDomainAllocIrq [managed]': takes(bare(), ({ core, vectors }) => irqDomainAllocIrq(core, vectors.domain, null, managed(0, 1))),
  'irqDomainAllocIrq [four levels]': takes(
    (state) => ({ ...bare()(state), stack: makeStack(['root', 'a', 'b', 'c'].map((name) => ({ name })), state) }),
    ({ core, stack }) => irqDomainAllocIrq(core, stack.domain, null),
  ),
  irqDomainFreeIrq: takesNothing(GIVES_BACK, allocated(), ({ core, virq }) => irqDomainFreeIrq(core, virq)),
  irqFindMatchingFwspec: takesNothing(LOOKS, bare(), ({ vectors }) => irqFindMatchingFwspec(vectors.domain as never, { fwnode: 'VECTOR', params: [] })),
  irqCreateFwspecMapping: takes(
    (state) => ({ ...bare()(state), stack: makeStack([{ name: 'root', options: { fwnode: 'F' } }], state) }),
    ({ core, stack }) => irqCreateFwspecMapping(core, stack.domain as never, { fwnode: 'F', params: [3] }),
  ),
  hierarchy: takesNothing(LOOKS, allocated(), ({ data }) => [...hierarchy(data)].length),
  composeMsiMsg: takesNothing(PURE, allocated(), ({ data }) => composeMsiMsg(data)),
  'new VectorDomain': takesNothing(BOOTS, bare(), ({ core }) => {
    core.setOnline(0n);
    void new VectorDomain(core);
  }),
  'VectorDomain.targetOf': takesNothing(LOOKS, allocated(), ({ vectors, data }) => vectors.targetOf(data)),
  'VectorDomain.raise': takesNothing('hardware', bare(), ({ vectors }) => vectors.raise(0, 0x40)),
  'VectorDomain.scheduleCleanup': takesNothing(GIVES_BACK, requested(), function* ({ core, irq, virq, vectors, data }) {
    yield* irqSetAffinity(core, virq, 2n);
    vectors.scheduleCleanup(data);
    return irq.state.started;
  }),
  'VectorDomain.interrupts': takesNothing('an interrupt cannot fail', requested(), ({ vectors, data }) => {
    vectors.raise(vectors.targetOf(data).cpu, vectors.targetOf(data).vector);
    vectors.interrupts(vectors.targetOf(data).cpu).next();
  }),
  'VectorDomain.installSystemVector': takesNothing(BOOTS, bare(), ({ vectors }) => vectors.installSystemVector(0xf0, () => {})),
  'VectorDomain.spurious': takesNothing(LOOKS, bare(), ({ vectors }) => vectors.spurious(0)),
  composeVectorMsg: takesNothing(PURE, bare(), () => composeVectorMsg({ cpu: 1, vector: 0x40 })),
  parseVectorMsg: takesNothing(PURE, bare(), () => parseVectorMsg(0, 0xfee00000, 0x40)),
  parseDmarMsg: takesNothing(PURE, bare(), () => parseDmarMsg({ addressHi: 0, addressLo: 0xfee00000, data: 0x40 })),
};

const msiTable: SweepTable = {
  'new MsiDomain': takesNothing('who makes one asks for its memory', domainless, ({ core, device, vectors, template }) => new MsiDomain(core, device, vectors.domain, template)),
  'new DeviceMsi': takesNothing('setMsiDomain() asks for its memory', domainless, ({ device, domain }) => new DeviceMsi(device, domain, 'default')),
  createDeviceMsiDomain: takes(domainless, ({ core, device, vectors, template }) => createDeviceMsiDomain(core, device, vectors.domain, template)),
  'createDeviceMsiDomain [below remapping]': takes(domainless, ({ core, device, parent, template }) => createDeviceMsiDomain(core, device, parent, template, 'secondary')),
  setMsiDomain: takes(domainless, ({ core, device, domain }) => setMsiDomain(core, device, domain)),
  clearMsiDomain: takesNothing(GIVES_BACK, bare(), ({ owner }) => clearMsiDomain(owner)),
  msiDomainOf: takesNothing(LOOKS, bare(), ({ owner }) => msiDomainOf(owner)),
  deviceMsi: takesNothing(LOOKS, bare(), ({ owner }) => deviceMsi(owner)),
  'DeviceMsi.allocIrqAt': takes(bare(), ({ msi }) => msi.allocIrqAt(2, null)),
  'DeviceMsi.allocIrqAt [any]': takes(allocated(), ({ msi }) => msi.allocIrqAt('any', null)),
  'DeviceMsi.allocIrqAt [any, by index]': takes(allocated({ slots: 'by-index' }), ({ msi }) => msi.allocIrqAt('any', null)),
  'DeviceMsi.allocIrqAt [after any]': takes(
    (state) => { const machine = allocated()(state); must(machine.run(machine.msi.allocIrqAt('any', null))); return machine; },
    ({ msi }) => msi.allocIrqAt(7, null),
  ),
  'DeviceMsi.allocIrqAt [message at once]': takes(bare({ template: EARLY }), ({ msi }) => msi.allocIrqAt(2, null, spread(1))),
  'DeviceMsi.allocIrqAt [managed, message at once]': takes(bare({ template: EARLY }), ({ msi }) => msi.allocIrqAt(2, null, managed(0, 1))),
  'DeviceMsi.allocIrqAt [vector and message at once]': takes(unreserved, ({ msi }) => msi.allocIrqAt(1, null), ANYWHERE),
  'DeviceMsi.allocIrqsRange [vectors and messages at once]': takes(unreserved, ({ msi }) => msi.allocIrqsRange(1, 3, null), MARKED),
  'DeviceMsi.allocIrqsRange': takes(bare(), ({ msi }) => msi.allocIrqsRange(0, 2, null)),
  'DeviceMsi.allocIrqsRange [message at once]': takes(bare({ template: EARLY, slots: 'by-index' }), ({ msi }) => msi.allocIrqsRange(1, 3, null)),
  'DeviceMsi.freeIrqsRange': takesNothing(GIVES_BACK, allocated(), ({ msi }) => msi.freeIrqsRange(0, 1)),
  'DeviceMsi.freeIrqsAll': takesNothing(GIVES_BACK, allocated(), ({ msi }) => msi.freeIrqsAll()),
  'DeviceMsi.desc': takesNothing(LOOKS, allocated(), ({ msi }) => msi.desc(0)),
  'DeviceMsi.virq': takesNothing(LOOKS, allocated(), ({ msi }) => msi.virq(0)),
  msiDomainSetAffinity: takes(requested(), ({ data }) => msiDomainSetAffinity(data, 2n, false)),
  remappingMsiParent: takesNothing(PURE, bare(), () => remappingMsiParent('IR-')),
  pciEnableMsix: takes(pciFunction, ({ core, device, parent }) => pciEnableMsix(core, device, parent)),
  'pciEnableMsix().disable': takesNothing(GIVES_BACK, msixOn, ({ on }) => on.disable()),
  pciAllocIrqVectors: takes(pciFunction, ({ core, device, parent }) => pciAllocIrqVectors(core, device, parent)),
  'pciAllocIrqVectors [fewer will do]': takes(pciFunction, ({ core, device, parent }) => pciAllocIrqVectors(core, device, parent, { minVectors: 1 }), { doesWithLess: true }),
  'pciAllocIrqVectors().free': takesNothing(GIVES_BACK, msixVectors, ({ all }) => all.free()),
  pciMsixAllocIrqAt: takes(msixOn, ({ device }) => pciMsixAllocIrqAt(device, 1)),
  'pciMsixAllocIrqAt [any]': takes(msixOn, ({ device }) => pciMsixAllocIrqAt(device, 'any')),
  pciMsixFreeIrq: takesNothing(GIVES_BACK, msixVectors, ({ device }) => pciMsixFreeIrq(device, 1)),
};

export const table: SweepTable = { ...coreTable, ...domainTable, ...msiTable };
