// Both storages, with every option, against what any chip that stores messages has to satisfy.
import { describe, test } from 'vitest';
import { interleavedState, must, plainState } from '@siov/base';
import { irqChipContract } from '@siov/irq/testing';
import type { ChipRig, StoredEntry } from '@siov/irq/testing';
import { makeHost, VARIANTS, witnessOf } from './host.ts';
import type { MachineOptions, Variant } from './host.ts';
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

describe.each(VARIANTS)('%s, is a chip', (variant) => {
  describe.each([['at once', plainState], ['step by step', interleavedState]])('%s', (_how, state) => {
    irqChipContract(test, () => makeRig({ ...variant, state }));
  });
});
