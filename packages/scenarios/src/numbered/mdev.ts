// Flow b: a mediated device whose guest has no PASIDs of its own, with a VMM that grows vectors one by one.
import type { VmmPolicy } from '@siov/vmm';
import type { Crossing, NumberedStep, StepOptions } from './steps.ts';

const HOST = 'VC0/host';
const PORTAL = /^VC0 irq\/\d+-idxd-portal$/u;

/** Writes to CMD as the guest makes them: the code is in bits 24:20. */
export const guestCommand = (code: number): Crossing => ({
  agent: HOST, from: 'vfio', to: 'idxd', operation: 'register_write', values: { register: 'CMD', value: (value) => ((Number(value) >>> 20) & 0x1f) === code },
});

/** What is the same with PASIDs of the guest: from the descriptor to the guest's thread, under PASID `pasid` of the host. */
export const delivery = (ids: { submit: string; device: string; host: string; guest: string }, pasid: number): readonly NumberedStep[] => [
  { id: ids.submit, says: 'a descriptor goes straight to the mapped portal: no exit', crossings: [{ agent: 'VC0', from: 'guest', to: 'hw', operation: /^(submit|enqueue)$/u }] },
  { id: ids.device, says: 'the device works under the PASID, compares it with the entry’s and sends the entry’s message', crossings: [
    { agent: 'DEV', from: 'hw', to: 'iommu', operation: 'dma_write', values: { pasid } },
    { agent: 'DEV', from: 'hw', to: 'iommu', operation: 'remap_interrupt' },
  ] },
  { id: ids.host, says: 'remapped to the host’s vector; its handler signals the eventfd', crossings: [
    { agent: 'DEV', from: 'iommu', to: 'irq', operation: 'raise_vector' },
    { agent: 'HI', from: 'irq', to: 'vfio-mdev', operation: 'irq_handler', values: { vector: 1 } },
    { agent: 'HI', from: 'vfio-mdev', to: 'vfio', operation: 'eventfd_signal', values: { vector: 1 } },
  ] },
  { id: ids.guest, says: 'the guest’s handler', crossings: [{ agent: PORTAL, from: 'irq', to: 'guest', operation: 'wq_thread' }] },
];

/** An entry's interrupt set up for vector 1: the id and the unmask in one write (`control`). */
export const setUp = (ids: { allocate: string; request: string }, control: number): readonly NumberedStep[] => [
  { id: ids.allocate, says: 'the helper allocates; the id is validated first; the slot is reset and masked', crossings: [
    { agent: HOST, from: 'vfio-mdev', to: 'irq', operation: 'msi_domain_alloc_irq', values: { index: 0 } },
    { agent: HOST, from: 'irq', to: 'ims', operation: 'reset_slot' },
    { agent: HOST, from: 'ims', to: 'hw', operation: 'write32', values: { register: 'IMS[0].CONTROL', value: 1 } },
  ] },
  { id: ids.request, says: 'request_irq(): the message, then id, enable and unmask in one write by the chip', crossings: [
    { agent: HOST, from: 'vfio-mdev', to: 'irq', operation: 'request_irq', values: { name: /^vfio-msix\[1\]/u } },
    { agent: HOST, from: 'irq', to: 'ims', operation: 'irq_write_msi_msg' },
    { agent: HOST, from: 'irq', to: 'ims', operation: 'irq_startup' },
    { agent: HOST, from: 'ims', to: 'hw', operation: 'write32', values: { register: 'IMS[0].CONTROL', value: control } },
  ] },
];

/** Before any guest: the function with its one IMS domain, the mediated device, the VMM. */
export const beforeTheGuest = (ids: { function: string; device: string; pasid: string; start: string }): readonly NumberedStep[] => [
  { id: ids.function, says: 'one validating IMS domain for the function; its mdev types', crossings: [{ agent: 'HK', to: 'idxd', operation: 'probe' }] },
  { id: ids.device, says: 'a mediated device is made and claims its queue', crossings: [{ agent: 'HK', from: 'vfio-mdev', to: 'idxd', operation: 'mdev_probe' }] },
  { id: ids.pasid, says: 'IOMMU management stores the device’s default PASID', crossings: [{ agent: 'HK', from: 'idxd', to: 'iommu', operation: 'attach_device_pasid' }] },
  { id: ids.start, says: 'the VMM maps the guest’s memory and starts it', crossings: [{ agent: 'QM', from: 'vmm', to: 'vfio', operation: 'MAP_DMA' }] },
];

/** SET_IRQS with which a policy takes vector 1 when it has vector 0. */
export function takesVector1(policy: VmmPolicy): readonly Crossing[] {
  const set = (values: Crossing['values'] & object): Crossing => ({ agent: HOST, from: 'vmm', to: 'vfio', operation: 'SET_IRQS', values });
  const grows = policy === 'incremental' || policy === 'highest-unmasked';
  return grows ? [set({ start: 0, count: 0, data: 'none' }), set({ start: 0, count: 2, data: 'eventfd' })] : [set({ start: 1, count: 1, data: 'eventfd' })];
}

/** As the description has it, with a VMM that is `incremental`; others differ in how they take vectors. */
export const mdevSteps = ({ vmm: policy = 'incremental' }: StepOptions = {}): readonly NumberedStep[] => [
  ...beforeTheGuest({ function: 'b1', device: 'b2', pasid: 'b3', start: 'b4' }),
  { id: 'b5', says: 'the guest enables MSI-X: a write to config space traps', crossings: [
    { agent: 'VC0', from: 'guest', to: 'vmm', operation: 'guest_write', values: { region: 7, offset: 0x82 } },
  ] },
  { id: 'b6', says: 'the VMM takes vector 0, which is emulated: its eventfd is stored', crossings: [
    { agent: HOST, from: 'vmm', to: 'vfio', operation: 'SET_IRQS', values: { start: 0, count: policy === 'all-at-enable' ? 2 : 1, data: 'eventfd' } },
    { agent: HOST, from: 'idxd', to: 'vfio-mdev', operation: 'set_trigger' },
  ] },
  { id: 'b7', says: 'the guest requests vector 0: the unmask traps, the VMM gives it its eventfd', crossings: [
    { agent: 'VC0', from: 'guest', to: 'irq', operation: 'request_irq', values: { name: 'idxd-misc' } },
    { agent: 'VC0', from: 'irq', to: 'vmm', operation: 'guest_write', values: { offset: 0x200c } },
    { agent: HOST, from: 'vmm', to: 'vfio', operation: 'SET_IRQS', values: { start: 0, count: 1, data: 'eventfd' } },
  ] },
  { id: 'b14', says: 'Enable WQ, trapped: the queue gets the device’s PASID', crossings: [
    guestCommand(6),
    { agent: HOST, from: 'idxd', to: 'hw', operation: 'write32', values: { register: 'WQCFG[0].MODE', value: (value) => (Number(value) & 0x3fff_ff00) === 0x3000_0100 } },
  ] },
  { id: 'b8', says: 'the guest requests vector 1: the message while masked, then the unmask traps', crossings: [
    { agent: 'VC0', from: 'guest', to: 'irq', operation: 'request_irq', values: { name: 'idxd-portal' } },
    { agent: 'VC0', from: 'irq', to: 'vmm', operation: 'guest_write', values: { offset: 0x2018 } },
    { agent: 'VC0', from: 'irq', to: 'vmm', operation: 'guest_write', values: { offset: 0x201c } },
  ] },
  { id: 'b9', says: 'the VMM has one vector and needs two: all given up, two asked for', crossings: takesVector1(policy) },
  ...setUp({ allocate: 'b10', request: 'b11' }, 0x1008),
  { id: 'b13', says: 'the ioctl has returned (b12); Request Interrupt Handle, trapped, gives the slot', crossings: [guestCommand(13)] },
  ...delivery({ submit: 'b15', device: 'b16', host: 'b17', guest: 'b18' }, 1),
  { id: 'b19', says: 'free_irq() in the guest; the chip wipes the slot; all vectors given up, twice', crossings: [
    { agent: 'VC0', from: 'guest', to: 'irq', operation: 'free_irq', values: { irq: 17 } },
    { agent: HOST, from: 'irq', to: 'ims', operation: 'irq_shutdown' },
    { agent: HOST, from: 'ims', to: 'hw', operation: 'write32', values: { register: 'IMS[0].CONTROL', value: 1 } },
    { agent: HOST, to: 'irq', operation: 'msi_domain_free_irq', values: { index: 0 } },
    { agent: HOST, from: 'vmm', to: 'vfio', operation: 'SET_IRQS', values: { count: 0, data: 'none' } },
    { agent: 'QM', from: 'vmm', to: 'vfio', operation: 'release' },
    { agent: 'QM', from: 'idxd', to: 'vfio-mdev', operation: 'set_trigger', values: { count: 0, data: 'none' } },
  ] },
];
