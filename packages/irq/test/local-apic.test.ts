// The request register of a CPU's local APIC, and when it takes anything.
import { expect, test } from 'vitest';
import { plainState } from '@siov/base';
import { LocalApic } from '../src/local-apic.ts';

test('takes requests while it is enabled: one before is lost, and what is requested goes when it is disabled', () => {
  const apic = new LocalApic(plainState, 'cpu0');
  const requested = () => [apic.requested(40), apic.any()];
  apic.request(40);
  expect(requested()).toEqual([false, false]);
  apic.enable();
  apic.request(40);
  expect(requested()).toEqual([true, true]);
  apic.disable();
  apic.request(40);
  expect(requested()).toEqual([false, false]);
});
