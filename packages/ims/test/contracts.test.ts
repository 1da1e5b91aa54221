// Both storages, with every option, against what any chip that stores messages and any MSI domain has to satisfy.
import { describe, test } from 'vitest';
import { interleavedState, must, plainState } from '@siov/base';
import { Device } from '@siov/device';
import type { PasidWitness } from '@siov/device';
import { setMsiDomain } from '@siov/irq';
import { irqChipContract, msiDomainContract } from '@siov/irq/testing';
import type { ChipRig, MsiDomainRig, StoredEntry } from '@siov/irq/testing';
import { createImsDomain } from '../src/index.ts';
import { makeHost, makeMachine, VARIANTS, witnessOf } from './host.ts';
import type { MachineOptions, Mdev, Variant } from './host.ts';
import { EMPTY } from './use.ts';

const PASID = 5;
const NO_MESSAGE = { addressLo: 0, addressHi: 0, data: 0 };

function makeRig(options: MachineOptions & Variant): ChipRig {
  const host = makeHost({ cpus: 2, ...options });
  const { device, msi } = host.mdev(PASID);
  return {
    core: host.core,
    latches: true,
    allocate: () => must(host.run(msi.allocIrqAt(0, witnessOf(device))), 'allocating'),
    free: () => { must(host.run(msi.freeIrqsAll()), 'freeing'); },
    // A descriptor the entry is meant for: one without PASID while the entry has no id yet.
    raise: (hwirq) => {
      const { pasidEnable, pasid } = host.store.entry(hwirq);
      host.store.fire(hwirq, pasidEnable === 1 ? pasid : null);
    },
    soil: (hwirq) => { host.store.words.set([0xfee01230, 0, 0x77, 0x77008], hwirq * 4); },
    stored(hwirq): StoredEntry {
      const { addressLo, addressHi, data, mask, pasidEnable, pasid } = host.store.entry(hwirq);
      // An entry holds no address outside the interrupt window: without message is with the message of its reset.
      const none = addressLo === EMPTY.addressLo && addressHi === 0 && data === 0;
      return { masked: mask === 1, message: none ? NO_MESSAGE : { addressLo, addressHi, data }, id: pasidEnable === 1 ? pasid : null };
    },
    run: (steps) => host.run(steps),
    settle() {
      host.executor.settle();
      // The end of a move is a timer of the old CPU.
      host.clock.advance(1000);
      host.executor.settle();
    },
  };
}

function makeDomainRig(variant: Variant): MsiDomainRig<PasidWitness> {
  const host = makeHost({ cpus: 2, ...variant });
  const mdevs: Mdev[] = [];
  const ownerOf = (hwirq: number) => mdevs.find(({ msi }) => [...msi.descs.values()].some((desc) => desc.hwirq === hwirq));
  return {
    domain: host.domain,
    device() {
      const mdev = host.mdev(mdevs.length + 1);
      mdevs.push(mdev);
      return { msi: mdev.msi, cookie: witnessOf(mdev.device) };
    },
    refused({ device }) {
      const iommu = mdevs.find((each) => each.device === device)?.iommu;
      const witness = iommu?.bind(99);
      if (witness === undefined || !iommu?.unbind(99)) throw new Error(`no PASID to take away from ${device.name}`);
      return witness;
    },
    isReset(hwirq) {
      const { pasidEnable, pasid, ...entry } = host.store.entry(hwirq);
      // Programmed at allocation it has its owner's id already.
      const own = variant.program === 'allocation' && pasid === ownerOf(hwirq)?.device.iommu.pasid;
      return JSON.stringify({ ...entry, pasidEnable: 0, pasid: 0 }) === JSON.stringify(EMPTY) && (pasidEnable === 0 || own);
    },
    counters: () => ({ ...host.counters(), held: mdevs.map(({ iommu }) => iommu.held), entries: [0, 1, 2, 3].map((slot) => host.store.entry(slot)) }),
    run: (steps) => host.run(steps),
  };
}

function makeUncheckedRig(): MsiDomainRig<null> {
  const { core, pf, parent, storage, state, store, run } = makeMachine({ cpus: 2 });
  const domain = must(createImsDomain(core, pf, parent, storage, { validatePasid: false }), 'domain');
  let devices = 0;
  return {
    domain,
    device: () => ({ msi: must(setMsiDomain(core, new Device(`mdev${devices++}`, { state, parent: pf }), domain), 'attaching'), cookie: null }),
    isReset: (hwirq) => JSON.stringify(store.entry(hwirq)) === JSON.stringify(EMPTY),
    counters: () => ({ virqs: core.used, slots: domain.slots.used, mappings: domain.irqDomain.mappings, entries: [0, 1, 2, 3].map((slot) => store.entry(slot)) }),
    run,
  };
}

describe.each(VARIANTS)('%s, has a domain', (variant) => {
  msiDomainContract(test, () => makeDomainRig(variant));
});

describe('a domain that checks nothing', () => {
  msiDomainContract(test, makeUncheckedRig);
});

describe.each(VARIANTS)('%s, is a chip', (variant) => {
  describe.each([['at once', plainState], ['step by step', interleavedState]])('%s', (_how, state) => {
    irqChipContract(test, () => makeRig({ ...variant, state }));
  });
});
