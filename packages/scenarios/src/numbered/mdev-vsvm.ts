// Flow d: a mediated device whose guest has PASIDs of its own, as the review demands it.
import { beforeTheGuest, delivery, guestCommand, setUp, takesVector1 } from './mdev.ts';
import type { NumberedStep, StepOptions } from './steps.ts';

const HOST = 'VC0/host';

/** The guest's first PASID, 0x21, with the enable bit. */
const GUEST_PERMISSION = 0x2_1008;

export const vsvmSteps = ({ vmm: policy = 'incremental', queue = 'dedicated' }: StepOptions = {}): readonly NumberedStep[] => [
  ...beforeTheGuest({ function: 'd1', device: 'd1', pasid: 'd1', start: 'd1' }),
  { id: 'd2', says: 'the guest binds its PASID; the host backs it with one of its own', crossings: [
    { agent: 'VC0', to: 'iommu', operation: 'attach_device_pasid' },
    { agent: 'VC0', to: 'vmm', operation: 'virtual_command', values: { command: 'bind', gpasid: 0x21 } },
    { agent: HOST, from: 'vmm', to: 'vfio', operation: 'BIND_GPASID' },
    { agent: HOST, from: 'vfio', to: 'idxd', operation: 'bind_gpasid' },
  ] },
  { id: 'd2', says: 'Enable WQ, trapped: a dedicated queue gets the host’s PASID behind the guest’s', crossings: queue === 'shared' ? [guestCommand(6)] : [
    guestCommand(6),
    { agent: HOST, from: 'idxd', to: 'hw', operation: 'write32', values: { register: 'WQCFG[0].MODE', value: (value) => (Number(value) & 0x3fff_ff00) === 0x3000_0200 } },
  ] },
  { id: 'd3', says: 'the guest writes MSIXPERM[1], trapped: there is no interrupt of the host for the vector yet', crossings: [
    { agent: 'VC0', from: 'guest', to: 'vmm', operation: 'guest_write', values: { region: 0, offset: 0x208 } },
  ] },
  { id: 'd4', says: 'the virtual device stores it, and nothing else happens', crossings: [
    { agent: HOST, from: 'vfio', to: 'idxd', operation: 'register_write', values: { register: 'MSIXPERM[1]', value: GUEST_PERMISSION } },
  ] },
  { id: 'd5', says: 'the guest requests vector 1: the unmask traps, SET_IRQS', crossings: [
    { agent: 'VC0', from: 'guest', to: 'irq', operation: 'request_irq', values: { name: 'idxd-portal' } },
    { agent: 'VC0', from: 'irq', to: 'vmm', operation: 'guest_write', values: { offset: 0x201c } },
    ...takesVector1(policy),
  ] },
  ...setUp({ allocate: 'd6', request: 'd7' }, 0x2008),
  { id: 'd8', says: 'the ioctl and the guest’s request_irq() have returned; the handle', crossings: [guestCommand(13)] },
  ...delivery({ submit: 'd9', device: 'd10', host: 'd10', guest: 'd10' }, 2),
  { id: 'd12', says: 'interrupt and permission go first; then the PASID is drained and unbound', crossings: [
    { agent: HOST, from: 'irq', to: 'ims', operation: 'irq_shutdown' },
    { agent: HOST, from: 'ims', to: 'hw', operation: 'write32', values: { register: 'IMS[0].CONTROL', value: 1 } },
    { agent: HOST, from: 'vfio', to: 'idxd', operation: 'register_write', values: { register: 'MSIXPERM[1]', value: 0 } },
    { agent: 'VC0', to: 'vmm', operation: 'virtual_command', values: { command: 'unbind', gpasid: 0x21 } },
    { agent: HOST, from: 'idxd', to: 'hw', operation: 'write32', values: { register: 'CMD', value: (value) => ((Number(value) >>> 20) & 0x1f) === 11 } },
    { agent: 'VC0', to: 'iommu', operation: 'detach_device_pasid' },
  ] },
];
