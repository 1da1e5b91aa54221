// Flow c: the design the review refuted. Between c5b and c7a the entry is open with the device's default PASID.
import { takesVector1 } from './mdev.ts';
import type { NumberedStep, StepOptions } from './steps.ts';

const HOST = 'VC0/host';
/** Auxiliary data: PASID and enable. The device's default PASID is 1, the one behind the guest's 2. */
const DEFAULT_ID = 0x1008;
const GUEST_ID = 0x2008;

export const v6Steps = ({ vmm: policy = 'incremental' }: StepOptions = {}): readonly NumberedStep[] => [
  { id: 'c1', says: 'the device’s default PASID', crossings: [{ agent: 'HK', to: 'iommu', operation: 'attach_device_pasid' }] },
  { id: 'c2', says: 'the guest binds its PASID; the host backs it with one of its own', crossings: [
    { agent: 'VC0', to: 'vmm', operation: 'virtual_command', values: { command: 'bind' } },
    { agent: HOST, from: 'vmm', to: 'vfio', operation: 'BIND_GPASID' },
  ] },
  { id: 'c3', says: 'the guest requests vector 1: the unmask traps', crossings: [
    { agent: 'VC0', from: 'guest', to: 'irq', operation: 'request_irq', values: { name: 'idxd-portal' } },
    { agent: 'VC0', from: 'irq', to: 'vmm', operation: 'guest_write', values: { offset: 0x201c } },
  ] },
  { id: 'c4', says: 'SET_IRQS', crossings: takesVector1(policy) },
  { id: 'c5a', says: 'the helper allocates, and puts the default PASID beside the interrupt', crossings: [
    { agent: HOST, from: 'vfio-mdev', to: 'irq', operation: 'msi_domain_alloc_irq' },
    { agent: HOST, from: 'vfio-mdev', to: 'irq', operation: 'irq_set_auxdata', values: { value: DEFAULT_ID } },
  ] },
  { id: 'c5b', says: 'request_irq(): the entry is open, with the default PASID. The window opens', crossings: [
    { agent: HOST, from: 'vfio-mdev', to: 'irq', operation: 'request_irq' },
    { agent: HOST, from: 'irq', to: 'ims', operation: 'irq_unmask' },
    { agent: HOST, from: 'ims', to: 'hw', operation: 'write32', values: { register: 'IMS[0].CONTROL', value: DEFAULT_ID } },
  ] },
  { id: 'c6', says: 'only now the guest writes MSIXPERM[1]', crossings: [{ agent: 'VC0', from: 'guest', to: 'vmm', operation: 'guest_write', values: { region: 0, offset: 0x208 } }] },
  { id: 'c7', says: 'the write is handled; the guest’s PASID is looked up', crossings: [
    { agent: HOST, from: 'vfio', to: 'idxd', operation: 'register_write', values: { register: 'MSIXPERM[1]' } },
  ] },
  { id: 'c7a', says: 'the id of the running interrupt is changed. The window closes', crossings: [
    { agent: HOST, to: 'irq', operation: 'irq_set_auxdata', values: { value: GUEST_ID } },
    { agent: HOST, from: 'ims', to: 'hw', operation: 'write32', values: { register: 'IMS[0].CONTROL', value: GUEST_ID } },
  ] },
];
