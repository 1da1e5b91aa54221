// What a crossing means for interrupts: the few kinds of crossing that the rules of the audit are about, decoded.
import { ImsEntry, Msixperm } from '@siov/datasheet';
import type { AuditEvent } from './events.ts';

export type Happening =
  /** Of the host: the trigger helper or a driver asks the device's MSI domain. */
  | { readonly kind: 'allocate' | 'release'; readonly device: string; readonly index: number }
  | { readonly kind: 'request'; readonly irq: number; readonly name: string }
  | { readonly kind: 'free'; readonly irq: number }
  /** What the chip of the store is asked to do with an entry. */
  | { readonly kind: 'chip'; readonly slot: number; readonly operation: string }
  /** A write to an entry, whoever makes it; `control`: what it says, if it is to the control word. */
  | { readonly kind: 'entry'; readonly slot: number; readonly at: number; readonly size: number; readonly value: bigint; readonly control: Control | null }
  /** A write to a permission: of a virtual device's guest, or of the function itself. */
  | { readonly kind: 'permission'; readonly vector: number; readonly pasid: number | null; readonly virtual: boolean }
  /** A write to the control word of an MSI-X vector of the function itself. */
  | { readonly kind: 'vector'; readonly vector: number }
  | { readonly kind: 'bind'; readonly device: string; readonly gpasid: number }
  | { readonly kind: 'unbind'; readonly device: string; readonly gpasid: number }
  | { readonly kind: 'attach' | 'detach'; readonly device: string }
  | { readonly kind: 'auxdata' }
  /** The device works under a PASID; null: without one. */
  | { readonly kind: 'work'; readonly pasid: number | null }
  /** The device sends a message. */
  | { readonly kind: 'message'; readonly address: bigint; readonly data: number }
  | { readonly kind: 'other' };

export interface Control {
  readonly mask: boolean;
  /** Null: entries without one are for work without one. */
  readonly pasid: number | null;
}

const ENTRY = /^IMS\[(\d+)\]\.(\w+)$/u;
const PERMISSION = /^MSIXPERM\[(\d+)\]/u;
const VECTOR = /^MSIX\[(\d+)\]\.CONTROL$/u;
const WORDS: Readonly<Record<string, number>> = Object.fromEntries(Object.values(ImsEntry).map(({ name, offset }) => [name, offset]));
const OTHER: Happening = { kind: 'other' };

export function happeningOf(event: AuditEvent): Happening {
  const { agent, from, to, operation, values } = event;
  const inGuest = agent.startsWith('VC') && !agent.includes('/host');
  const device = String(values['device'] ?? '');
  if (operation === 'irq_set_auxdata' && to === 'irq') return { kind: 'auxdata' };
  if (to === 'ims' && values['slot'] !== undefined) return { kind: 'chip', slot: Number(values['slot']), operation };
  if (to === 'hw' && operation.startsWith('write')) return writeOf(event);
  if (from === 'hw' && to === 'iommu') return deviceOf(event);
  if (to === 'idxd' && operation === 'register_write') return permissionOf(event, true);
  if (to === 'idxd' && operation === 'bind_gpasid') return { kind: 'bind', device, gpasid: Number(values['gpasid']) };
  if (to === 'idxd' && operation === 'unbind_gpasid') return { kind: 'unbind', device, gpasid: Number(values['gpasid']) };
  // The guest has an irq core and an IOMMU management of its own, whose devices and interrupts are not the host's.
  if (inGuest) return OTHER;
  if (to === 'iommu' && operation === 'attach_device_pasid') return { kind: 'attach', device };
  if (to === 'iommu' && operation === 'detach_device_pasid') return { kind: 'detach', device };
  if (to !== 'irq') return OTHER;
  if (operation === 'msi_domain_alloc_irq') return { kind: 'allocate', device, index: Number(values['index']) };
  if (operation === 'msi_domain_free_irq') return { kind: 'release', device, index: Number(values['index']) };
  if (operation === 'request_irq') return { kind: 'request', irq: Number(values['irq']), name: String(values['name']) };
  return operation === 'free_irq' ? { kind: 'free', irq: Number(values['irq']) } : OTHER;
}

function writeOf(event: AuditEvent): Happening {
  const { operation, values } = event;
  const register = String(values['register'] ?? '');
  const [, vector] = VECTOR.exec(register) ?? [];
  if (vector !== undefined) return { kind: 'vector', vector: Number(vector) };
  const [, slot, word = ''] = ENTRY.exec(register) ?? [];
  if (slot === undefined) return permissionOf(event, false);
  const at = WORDS[word] ?? 0;
  const size = Number(operation.slice('write'.length)) / 8;
  const value = BigInt(String(values['value'] ?? 0));
  const whole = at === ImsEntry.Control.offset && size === 4;
  return { kind: 'entry', slot: Number(slot), at, size, value, control: whole ? controlOf(value) : null };
}

function controlOf(value: bigint): Control {
  const { mask, pasidEnable, pasid } = ImsEntry.Control.decode(ImsEntry.Control.image(Number(value)));
  return { mask: mask === 1, pasid: pasidEnable === 1 ? pasid : null };
}

function permissionOf({ values }: AuditEvent, virtual: boolean): Happening {
  const [, vector] = PERMISSION.exec(String(values['register'] ?? '')) ?? [];
  if (vector === undefined) return OTHER;
  const { pasidEnable, pasid } = Msixperm.decode(Msixperm.image(Number(values['value'])));
  return { kind: 'permission', vector: Number(vector), pasid: pasidEnable === 1 ? pasid : null, virtual };
}

function deviceOf({ operation, values }: AuditEvent): Happening {
  if (operation === 'remap_interrupt') return { kind: 'message', address: BigInt(String(values['address'])), data: Number(values['data']) };
  if (!operation.startsWith('dma_')) return OTHER;
  const { pasid } = values;
  return { kind: 'work', pasid: pasid === null || pasid === undefined ? null : Number(pasid) };
}
