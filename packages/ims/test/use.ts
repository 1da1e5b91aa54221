// What every test does with interrupts, failing loudly where a test takes success for granted.
import { must } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import type { PasidWitness } from '@siov/device';
import { requestIrq } from '@siov/irq';
import type { MsiDesc } from '@siov/irq';
import { witnessOf } from './host.ts';
import type { Host, Mdev } from './host.ts';

/** An entry nobody uses. */
export const EMPTY = { addressLo: 0xfee00000, addressHi: 0, data: 0, mask: 1, pending: 0, ignore: 0, pasidEnable: 0, pasid: 0 };

export function tryAllocate(host: Host, { device, msi }: Mdev, index = 0, witness?: PasidWitness): Result<MsiDesc<PasidWitness>> {
  return host.run(msi.allocIrqAt(index, witness ?? witnessOf(device)));
}

export function allocate(host: Host, mdev: Mdev, index = 0, witness?: PasidWitness): MsiDesc<PasidWitness> {
  return must(tryAllocate(host, mdev, index, witness), `allocating interrupt ${index} of ${mdev.device.name}`);
}

export function requestSteps(host: Host, virq: number, name = 'me', handled: string[] = []): Steps<Result<void>> {
  return requestIrq(host.core, virq, { name, devId: name, handler() { handled.push(name); return 'handled'; } });
}

export function tryRequest(host: Host, virq: number, name?: string, handled?: string[]): Result<void> {
  return host.run(requestSteps(host, virq, name, handled));
}

/** Requests it; returns what its handler is called for, as it happens. */
export function request(host: Host, virq: number, name = 'me'): string[] {
  const handled: string[] = [];
  must(tryRequest(host, virq, name, handled), `requesting irq ${virq}`);
  return handled;
}

/** A descriptor of `pasid` asks for the interrupt of `slot`: whether the device let it, with everything done that follows. */
export function fire(host: Pick<Host, 'store' | 'executor'>, slot: number, pasid: number | null): boolean {
  const fired = host.store.fire(slot, pasid);
  host.executor.settle();
  return fired;
}
