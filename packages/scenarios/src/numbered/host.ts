// Flow a: the host kernel alone uses the function, with MSI-X, or with interrupts of its message store.
import type { NumberedStep, StepOptions } from './steps.ts';

const HK = 'HK';
const MISC = /^irq\/\d+-idxd-misc$/u;

export const hostSteps = ({ store = 'msix' }: StepOptions = {}): readonly NumberedStep[] => (store === 'ims' ? IMS : MSIX);

const MSIX: readonly NumberedStep[] = [
  { id: 'a1', says: 'the driver probes; the IOMMU gives the function the kernel’s PASID', crossings: [
    { agent: HK, from: 'guest', to: 'hw', operation: 'write16', values: { register: 'PCICMD' } },
    { agent: HK, to: 'iommu', operation: 'attach_device_pasid' },
  ] },
  { id: 'a2', says: 'MSI-X on and masked; vectors reserved from the root down, messages written', crossings: [
    { agent: HK, from: 'guest', to: 'hw', operation: 'write16', values: { register: 'MSGCTL', value: (value) => (Number(value) & 0xc000) === 0xc000 } },
    { agent: HK, from: 'guest', to: 'irq', operation: 'msi_domain_alloc_irq', values: { index: 1 } },
    { agent: HK, from: 'irq', to: 'hw', operation: 'write32', values: { register: 'MSIX[1].DATA' } },
  ] },
  { id: 'a6', says: 'error interrupts on; Enable Device, Enable WQ with the PASID', crossings: [
    { agent: HK, from: 'guest', to: 'hw', operation: 'write32', values: { register: 'GENCTRL', value: 3 } },
    { agent: HK, from: 'guest', to: 'hw', operation: 'write32', values: { register: 'CMD', value: 0x8010_0000 } },
    { agent: MISC, from: 'irq', to: 'guest', operation: 'misc_thread' },
    { agent: HK, from: 'guest', to: 'hw', operation: 'write32', values: { register: 'WQCFG[0].MODE', value: (value) => (Number(value) & 0x1fff_ff00) === 0x1000_0100 } },
    { agent: HK, from: 'guest', to: 'hw', operation: 'write32', values: { register: 'CMD', value: 0x8060_0000 } },
  ] },
  { id: 'a4', says: 'the permission of the queue’s interrupt', crossings: [
    { agent: HK, from: 'guest', to: 'hw', operation: 'write32', values: { register: 'MSIXPERM[1]', value: 0x1008 } },
  ] },
  { id: 'a5', says: 'request_irq(): the message, then the unmask', crossings: [
    { agent: HK, from: 'guest', to: 'irq', operation: 'request_irq', values: { name: 'idxd-portal' } },
    { agent: HK, from: 'irq', to: 'hw', operation: 'write32', values: { register: 'MSIX[1].DATA' } },
    { agent: HK, from: 'irq', to: 'hw', operation: 'write32', values: { register: 'MSIX[1].CONTROL', value: 0 } },
  ] },
  { id: 'a7', says: 'a descriptor is submitted', crossings: [{ agent: HK, from: 'guest', to: 'hw', operation: /^(submit|enqueue)$/u }] },
  { id: 'a8', says: 'the device works under the PASID, writes the record, checks the permission and sends the message', crossings: [
    { agent: 'DEV', from: 'hw', to: 'iommu', operation: 'dma_write', values: { pasid: 1 } },
    { agent: 'DEV', from: 'hw', to: 'iommu', operation: 'remap_interrupt' },
  ] },
  { id: 'a9', says: 'remapped to a vector of a CPU', crossings: [{ agent: 'DEV', from: 'iommu', to: 'irq', operation: 'raise_vector' }] },
  { id: 'a11', says: 'taken by the CPU (a10), whose handler wakes the thread; that walks the list', crossings: [
    { agent: /^irq\/\d+-idxd-portal$/u, from: 'irq', to: 'guest', operation: 'wq_thread' },
  ] },
  { id: 'a12', says: 'drained; free_irq() masks and clears the message; then the permission, then the vectors', crossings: [
    { agent: HK, from: 'guest', to: 'hw', operation: 'write32', values: { register: 'CMD', value: (value) => (Number(value) >>> 20 & 0x1f) === 8 } },
    { agent: HK, from: 'guest', to: 'irq', operation: 'free_irq', values: { irq: 17 } },
    { agent: HK, from: 'irq', to: 'hw', operation: 'write32', values: { register: 'MSIX[1].CONTROL', value: 1 } },
    { agent: HK, from: 'irq', to: 'hw', operation: 'write32', values: { register: 'MSIX[1].DATA', value: 0 } },
    { agent: HK, from: 'guest', to: 'hw', operation: 'write32', values: { register: 'MSIXPERM[1]', value: 0 } },
    { agent: HK, from: 'guest', to: 'irq', operation: 'msi_domain_free_irq', values: { index: 1 } },
    { agent: HK, to: 'iommu', operation: 'detach_device_pasid' },
  ] },
];

/** What the queue's interrupt is and what not, when it is an entry of the store; the rest is as with MSI-X. */
const IMS: readonly NumberedStep[] = [
  ...MSIX.filter(({ id }) => id === 'a1'),
  { id: 'a2', says: 'MSI-X with vector 0 alone: the queue’s interrupt is not one of its', crossings: [
    { agent: HK, from: 'guest', to: 'hw', operation: 'write16', values: { register: 'MSGCTL', value: (value) => (Number(value) & 0xc000) === 0xc000 } },
    { agent: HK, from: 'guest', to: 'irq', operation: 'msi_domain_alloc_irq', values: { index: 0 } },
  ] },
  ...MSIX.filter(({ id }) => id === 'a6'),
  { id: 'a3', says: 'an interrupt of the store, brought the kernel’s PASID: the slot reset and masked (a4: nothing is written)', crossings: [
    { agent: HK, from: 'guest', to: 'irq', operation: 'msi_domain_alloc_irq', values: { index: 1 } },
    { agent: HK, from: 'irq', to: 'ims', operation: 'reset_slot' },
    { agent: HK, from: 'ims', to: 'hw', operation: 'write32', values: { register: 'IMS[0].CONTROL', value: 1 } },
  ] },
  { id: 'a5', says: 'request_irq(): the message, then id, enable and unmask in one write by the chip', crossings: [
    { agent: HK, from: 'guest', to: 'irq', operation: 'request_irq', values: { name: 'idxd-portal' } },
    { agent: HK, from: 'irq', to: 'ims', operation: 'irq_write_msi_msg' },
    { agent: HK, from: 'irq', to: 'ims', operation: 'irq_startup' },
    { agent: HK, from: 'ims', to: 'hw', operation: 'write32', values: { register: 'IMS[0].CONTROL', value: 0x1008 } },
  ] },
  ...MSIX.filter(({ id }) => ['a7', 'a8', 'a9', 'a11'].includes(id)),
  { id: 'a12', says: 'drained; free_irq(): the chip masks and wipes; then the interrupt and the PASID are given back', crossings: [
    { agent: HK, from: 'guest', to: 'hw', operation: 'write32', values: { register: 'CMD', value: (value) => ((Number(value) >>> 20) & 0x1f) === 8 } },
    { agent: HK, from: 'guest', to: 'irq', operation: 'free_irq' },
    { agent: HK, from: 'irq', to: 'ims', operation: 'irq_shutdown' },
    { agent: HK, from: 'ims', to: 'hw', operation: 'write32', values: { register: 'IMS[0].CONTROL', value: 1 } },
    { agent: HK, from: 'guest', to: 'irq', operation: 'msi_domain_free_irq', values: { index: 1 } },
    { agent: HK, to: 'iommu', operation: 'detach_device_pasid' },
  ] },
];
