// The core: descriptors, chips, requesting to freeing.
export type { IrqAffinityDesc } from './affinity.ts';
export { irqCanSetAffinity, irqSetAffinity } from './affinity.ts';
export type { AffinityErrno, AffinityOutcome, ChipFlags, FlowHandler, IrqChip, IrqchipState, IrqData, MsiMsg, TriggerType, VcpuAffinity } from './chip.ts';
export type { IrqCoreOptions, IrqPorts } from './core.ts';
export { IrqCore } from './core.ts';
export type { CpuHooks } from './cpu-hotplug.ts';
export { cpuDown, cpuUp } from './cpu-hotplug.ts';
export type { CpuMask } from './cpu-mask.ts';
export { allCpus, cpuList, cpuMask, cpusOf, hasCpu } from './cpu-mask.ts';
export type { DescState, IrqAction, IrqDesc, IrqHandler, IrqReturn, IrqThread } from './desc.ts';
export { disableIrq, disableIrqNosync, enableIrq, synchronizeHardirq, synchronizeIrq } from './enable.ts';
export { handleEdgeIrq } from './flow/edge.ts';
export { handleFasteoiIrq } from './flow/fasteoi.ts';
export { handleSimpleIrq } from './flow/simple.ts';
export { composeMsiMsg, hierarchy } from './hierarchy.ts';
export { irqGetIrqchipState, irqInjectInterrupt, irqSetIrqchipState, irqSetVcpuAffinity } from './irqchip-state.ts';
export type { KernelLog } from './kernel-log.ts';
export type { IrqRequest, RequestErrno } from './manage.ts';
export { freeIrq, IRQ_NOTCONNECTED, requestIrq, requestThreadedIrq } from './manage.ts';
export { irqMoveIrq } from './migration.ts';
export type { InterruptRow } from './proc-interrupts.ts';
export { procInterrupts, procInterruptsText } from './proc-interrupts.ts';

// Domains: who gives interrupts out.
export type { ActivateErrno, AllocErrno, IrqDomainOps } from './domain.ts';
export { IrqDomain } from './domain.ts';
export type { MsiAllocErrno, MsiAllocInfo, MsiChip, MsiDesc, MsiDomainId, MsiDomainTemplate } from './msi-domain.ts';
export { clearMsiDomain, MsiDomain, msiAllocIrq, msiDesc, msiDomainOf, msiFreeIrq, setMsiDomain } from './msi-domain.ts';
export { composeVectorMsg, MSI_ADDRESS_BASE, parseVectorMsg } from './msi-message.ts';
export type { MsixEnabled, MsixVectors } from './pci-msix.ts';
export { pciAllocIrqVectors, pciEnableMsix } from './pci-msix.ts';
export type { VectorTarget } from './vector-domain.ts';
export { VectorDomain } from './vector-domain.ts';
