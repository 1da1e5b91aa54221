// A vector the guest can take interrupts of is always armed, with KVM's eventfd exactly where there is one to be used, and
// posted exactly where its message can be; what the device raises is one message, or one pending bit while masked.
import { expect, test } from 'vitest';
import fc from 'fast-check';
import { plainState } from '@siov/base';
import { IrqBypass } from '@siov/vfio';
import type { VmmPolicy } from '../src/index.ts';
import { attach, ENABLE, kindOf, MASK_ALL, RecordingDevice } from './recording-device.ts';

const VECTORS = 3;
const FIXED = 0xfee00000;
/** A logical destination: delivered by the host. */
const LOGICAL = 0xfee00004;

type Operation =
  | { readonly kind: 'control'; readonly enabled: boolean; readonly masked: boolean }
  | { readonly kind: 'mask'; readonly vector: number; readonly mask: 0 | 1 }
  | { readonly kind: 'message'; readonly vector: number; readonly address: number; readonly data: number }
  | { readonly kind: 'fire'; readonly vector: number }
  | { readonly kind: 'settle' };

const vector = fc.nat({ max: VECTORS - 1 });
const operation: fc.Arbitrary<Operation> = fc.oneof(
  fc.record({ kind: fc.constant('control' as const), enabled: fc.boolean(), masked: fc.boolean() }),
  fc.record({ kind: fc.constant('mask' as const), vector, mask: fc.constantFrom(0 as const, 1 as const) }),
  fc.record({ kind: fc.constant('message' as const), vector, address: fc.constantFrom(FIXED, LOGICAL), data: fc.integer({ min: 32, max: 255 }) }),
  fc.record({ kind: fc.constant('fire' as const), vector }),
  fc.record({ kind: fc.constant('settle' as const) }),
);

type Way = 'main loop' | 'irqfd' | 'posted';

/** QEMU's rules (hw/pci/msix.c) in a few booleans a vector, and who gets what. */
class Reference {
  readonly entries = Array.from({ length: VECTORS }, () => ({ mask: true, address: FIXED, data: 0, signalled: false, pending: false }));
  readonly messages: string[] = [];
  readonly posted: number[] = [];
  readonly way: Way;
  enabled = false;
  functionMask = false;

  constructor(way: Way) {
    this.way = way;
  }

  open(entry: { mask: boolean }): boolean {
    return this.enabled && !this.functionMask && !entry.mask;
  }

  isPosted(entry: { mask: boolean; address: number }): boolean {
    return this.way === 'posted' && this.open(entry) && entry.address === FIXED;
  }

  apply(each: Operation, armed: (vector: number) => boolean): void {
    const entry = 'vector' in each ? this.entries[each.vector] : undefined;
    if (each.kind === 'control') this.#control(each.enabled, each.masked);
    else if (each.kind === 'settle') this.#settle();
    else if (entry === undefined) return;
    else if (each.kind === 'mask') entry.mask = each.mask === 1;
    else if (each.kind === 'message') Object.assign(entry, { address: each.address, data: each.data });
    else if (armed(each.vector)) this.#fire(entry);
    for (const every of this.entries) {
      if (!this.open(every) || !every.pending) continue;
      every.pending = false;
      this.#send(every);
    }
  }

  #control(enabled: boolean, masked: boolean): void {
    [this.enabled, this.functionMask] = [enabled, masked];
    if (!enabled) for (const every of this.entries) Object.assign(every, { signalled: false, pending: false });
  }

  #fire(entry: (typeof this.entries)[number]): void {
    if (this.isPosted(entry)) this.posted.push(entry.data);
    else if (this.way !== 'main loop' && this.open(entry)) this.#send(entry);
    else entry.signalled = true;
  }

  #settle(): void {
    for (const every of this.entries) {
      if (!every.signalled) continue;
      every.signalled = false;
      if (this.open(every)) this.#send(every);
      else every.pending = true;
    }
  }

  #send(entry: { address: number; data: number }): void {
    this.messages.push(`${entry.address.toString(16)}:${entry.data}`);
  }
}

test('no policy and no way of delivery loses, invents or doubles an interrupt of an armed vector', () => {
  const policies = fc.constantFrom<VmmPolicy[]>('incremental', 'highest-unmasked', 'all-at-enable', 'dynamic');
  const ways = fc.constantFrom<Way[]>('main loop', 'irqfd', 'posted');
  fc.assert(
    fc.property(policies, ways, fc.array(operation, { maxLength: 50, size: 'max' }), (policy, way, operations) => {
      const bypass = new IrqBypass(plainState, 'host');
      const device = new RecordingDevice(VECTORS, bypass);
      const got: string[] = [];
      const guest = attach(device, { policy, irqfd: way !== 'main loop' }, {
        injectInAtomic: (address, data) => got.push(`${address.toString(16)}:${data}`) > 0,
        ...(way === 'posted' ? { bypass, posting: { descriptor: 0x1000n } } : {}),
      });
      const reference = new Reference(way);
      for (let each = 0; each < VECTORS; each++) guest.message(each, FIXED, 0);
      for (const each of [...operations, { kind: 'settle' } as const]) {
        reference.apply(each, (index) => device.triggers[index] !== null);
        if (each.kind === 'control') guest.control((each.enabled ? ENABLE : 0) | (each.masked ? MASK_ALL : 0));
        else if (each.kind === 'mask') guest.setMask(each.vector, each.mask);
        else if (each.kind === 'message') guest.message(each.vector, each.address, each.data);
        else if (each.kind === 'fire') device.fire(each.vector);
        else guest.settle();
        for (const [index, entry] of reference.entries.entries()) {
          const kind = kindOf(device.triggers[index] ?? null);
          if (!reference.enabled) expect(kind).toBe('-1');
          else if (reference.open(entry)) expect(kind).toBe(way === 'main loop' ? 'fd' : 'kvm');
          else expect(kind).not.toBe('kvm');
          expect(device.targets[index]).toEqual(reference.isPosted(entry) ? { descriptor: 0x1000n, vector: entry.data } : null);
        }
      }
      expect([...guest.messages, ...got].sort()).toEqual([...reference.messages].sort());
      expect(device.posted).toEqual(reference.posted);
      expect(guest.pending()).toBe(reference.entries.reduce((bits, entry, index) => bits | (entry.pending ? 1n << BigInt(index) : 0n), 0n));
      expect(guest.vmm.errors).toEqual([]);
      guest.run(guest.vmm.unrealize());
      expect(bypass.consumers).toEqual([]);
    }),
    { numRuns: 600 },
  );
});
