// Rules of PCI MSI-X that no flow shows: what it says of itself, when fewer vectors will do, what its failures name.
import { describe, expect, test } from 'vitest';
import { ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { ObservedState } from '@siov/base/testing';
import { deviceMsi, IrqDomain, pciAllocIrqVectors, pciEnableMsix, pciMsixAllocIrqAt, pciMsixFreeIrq, requestIrq, requestThreadedIrq } from '../src/index.ts';
import type { MsiAllocInfo, MsixVectorOptions } from '../src/index.ts';
import { msixVectors, pciFunction } from './failure-sweep-machines.ts';

const [CAPABILITY_POINTER, CAPABILITY, VECTORS] = [0x34, 0x40, 3];

type PciFunction = ReturnType<typeof pciFunction>;
const allocVectors = ({ core, device, parent }: PciFunction, options?: MsixVectorOptions) => pciAllocIrqVectors(core, device, parent, options);

describe('the domain', () => {
  test('is named after the function, and asks for what MSI-X needs: of a parent that gives nothing unasked it gets no more', () => {
    const state = new ObservedState();
    const { core, run, device } = pciFunction(state);
    const needed = { activateEarly: true, mustReactivate: true, pciMsix: true, pciMsixAllocDyn: true };
    const msiParent = { supportedFlags: { ...needed, pciIms: true, nomaskQuirk: true }, requiredFlags: {}, chipFlags: {} };
    const on = run(pciEnableMsix(core, device, new IrqDomain<MsiAllocInfo>(state, 'parent', {}, null, { msiParent })));
    if (!on.ok) throw new Error(on.message);
    expect([on.value.msi.domain.name, on.value.msi.domain.flags]).toEqual(['PCI-MSIX-dsa0', needed]);
  });

  test('has a chip whose interrupts cannot storm: a thread without a handler need not keep them masked', () => {
    const { core, run, all } = msixVectors(new ObservedState());
    const [virq = 0] = all.virqs;
    expect(core.desc(virq)?.state.data?.chip.flags?.oneshotSafe).toBe(true);
    expect(run(requestThreadedIrq(core, virq, { name: 't', devId: 1, *thread() { return 'handled'; } }))).toEqual(ok());
  });
});

describe('the capability list', () => {
  test('that is empty has no MSI-X, even in a function whose vendor id looks like its capability', () => {
    const made = pciFunction(new ObservedState());
    const { device, run } = made;
    run(device.resources.config.write(0, 2, 0x8011));
    run(device.resources.config.write(CAPABILITY_POINTER, 1, 0));
    expect(run(allocVectors(made))).toMatchObject({ errno: 'EINVAL', message: 'dsa0 has no MSI-X capability' });
  });
});

describe('how many vectors', () => {
  test.each([1, 2, 3])('as many as there must be and may be: %d', (count) => {
    const made = pciFunction(new ObservedState());
    const got = made.run(allocVectors(made, { minVectors: count, maxVectors: count }));
    expect(got.ok && got.value.virqs.length).toBe(count);
  });

  /** Refuses the request for `resource` of the third vector; what the call gives. */
  function refusedThird(resource: string, minVectors: number) {
    const probe = new ObservedState();
    const first = pciFunction(probe);
    probe.refuse(0);
    first.run(allocVectors(first));
    const places = probe.requests.flatMap((each, at) => (each === resource ? [at + 1] : []));
    expect(places).toHaveLength(VECTORS);
    const state = new ObservedState();
    const made = pciFunction(state);
    state.refuse(places[2] ?? 0);
    return { ...made, got: made.run(allocVectors(made, { minVectors })) };
  }

  test('where the machine runs out, what is left will do if it is no less than the minimum', () => {
    for (const minVectors of [1, 2]) {
      const { got } = refusedThird('test/virqs', minVectors);
      expect(got.ok && got.value.virqs).toEqual([16, 17]);
    }
    expect(refusedThird('test/virqs', 3).got).toMatchObject({ errno: 'ENOSPC' });
  });

  test('another failure than that is one, whatever the minimum is, and nothing is left', () => {
    const { got, device, core } = refusedThird('msi_desc', 1);
    expect(got).toMatchObject({ errno: 'ENOMEM' });
    expect([deviceMsi(device), core.used]).toEqual([undefined, 0]);
  });
});

describe('a failure names the function and what is wrong', () => {
  test.each<[errno: string, message: string, call: (made: PciFunction) => Steps<Result<unknown>>]>([
    ['ERANGE', 'dsa0: at most 1 vectors are fewer than at least 2', (made) => allocVectors(made, { minVectors: 2, maxVectors: 1 })],
    ['EINVAL', 'dsa0: 0 vectors are too few', (made) => allocVectors(made, { minVectors: 0 })],
    ['ENOSPC', 'dsa0: its table has 3 entries, not 4', (made) => allocVectors(made, { minVectors: 4 })],
    ['EOPNOTSUPP', 'dsa0: vectors cannot be added', ({ device }) => pciMsixAllocIrqAt(device, 0)],
    ['EINVAL', 'dsa0: vector 1 is not allocated', ({ device }) => pciMsixFreeIrq(device, 1)],
    ['ENOMEM', 'MSI-X table: dsa0 has no memory BAR 4', (made) => {
      made.run(made.device.resources.config.write(CAPABILITY + 4, 1, 4));
      return allocVectors(made);
    }],
  ])('%s: %s', (errno, message, call) => {
    const made = pciFunction(new ObservedState());
    expect(made.run(call(made))).toEqual({ ok: false, errno, message });
  });

  test('also one that is a programmer’s mistake: vectors given back while somebody has one', () => {
    const { core, run, all } = msixVectors(new ObservedState());
    run(requestIrq(core, all.virqs[1] ?? 0, { name: 'user', devId: 1, handler: () => 'handled' }));
    expect(() => run(all.free())).toThrow('pci_free_irq_vectors(dsa0): dsa0: interrupt 1 (irq 17) is still requested by user');
  });
});
