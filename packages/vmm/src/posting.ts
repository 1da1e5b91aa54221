// Which of a guest's messages can be posted to a virtual CPU (vmx_pi_update_irte(), from memory of the kernel source).
import { bit, bits, register } from '@siov/base';
import type { PostedTarget } from '@siov/vfio';

/** One virtual CPU, as interrupts are posted to it. */
export interface Posting {
  /** Physical address of its posted-interrupt descriptor. */
  readonly descriptor: bigint;
  /** Its APIC id in the guest's messages, 0 when absent. */
  readonly apicId?: number;
}

/** A message of the guest's MSI-X table. */
export interface Message {
  readonly address: bigint;
  readonly data: number;
}

const MSI_ADDRESS_BASE = 0xfee;
/** All CPUs, as a physical destination. */
const BROADCAST = 0xff;
const FIXED = 0;
const AddressLo = register('MSI address low', { offset: 0, source: 'Intel SDM vol. 3, 11.11.1' }, {
  destinationMode: bit(2),
  redirectionHint: bit(3),
  remappable: bit(4),
  extendedDestination: bits(11, 5),
  destination: bits(19, 12),
  base: bits(31, 20),
});
const Data = register('MSI data', { offset: 8, source: 'Intel SDM vol. 3, 11.11.2' }, { vector: bits(7, 0), deliveryMode: bits(10, 8) });

/**
 * Where `message` is posted to; null: the host has to deliver it. Posted are fixed interrupts to one of `cpus` by its physical id.
 * KVM also looks up logical destinations and posts lowest-priority interrupts; here the host delivers those.
 */
export function postedTarget({ address, data }: Message, cpus: Posting | readonly Posting[]): PostedTarget | null {
  const low = AddressLo.image(Number(address & 0xffffffffn));
  const image = Data.image(data);
  const plain = address >> 32n === 0n && AddressLo.base.get(low) === MSI_ADDRESS_BASE && AddressLo.remappable.get(low) === 0;
  const physical = AddressLo.destinationMode.get(low) === 0 && AddressLo.redirectionHint.get(low) === 0;
  if (!plain || !physical || Data.deliveryMode.get(image) !== FIXED) return null;
  const destination = AddressLo.destination.get(low);
  const id = (AddressLo.extendedDestination.get(low) << 8) | destination;
  const cpu = [cpus].flat().find(({ apicId = 0 }) => apicId === id);
  return cpu === undefined || destination === BROADCAST ? null : { descriptor: cpu.descriptor, vector: Data.vector.get(image) };
}
