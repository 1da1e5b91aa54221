// The VMM: eventfds of the vectors, and the requests its policies make of them.
import type { Mutant } from './mutant.ts';

export const IN_VMM: readonly Mutant[] = [
  {
    name: 'eventfd with two signals not looked at',
    file: 'packages/vmm/src/vectors.ts',
    from: '      if (eventfd.take() > 0) yield* this.table.notify(vector);\n',
    to: '      if (eventfd.take() === 1) yield* this.table.notify(vector);\n',
    check: 'mdev/submit (dynamic)',
    finds: 'no deadlock',
    why: 'A counter is read, not a flag: two signals are one interrupt, not none.',
  },
  {
    name: 'eventfd cleared after the interrupt was injected',
    file: 'packages/vmm/src/vectors.ts',
    from: '      if (eventfd.take() > 0) yield* this.table.notify(vector);\n',
    to: '      if (eventfd.count > 0) yield* this.table.notify(vector);\n      if (eventfd.count > 0) { yield* waitUntil(\'late\', () => true); eventfd.take(); }\n',
    check: 'mdev/submit (dynamic)',
    finds: 'no deadlock',
    why: 'A signal that comes in between is cleared and never injected.',
  },
  {
    name: 'vectors in use forgotten',
    file: 'packages/vmm/src/vectors.ts',
    from: 'this.#state.used = [...this.#state.used, vector];',
    to: 'this.#state.used = [vector];',
    check: 'mdev/set-up (incremental)',
    finds: 'no deadlock',
    why: 'To have one vector more all are asked for again: those that are not known are lost.',
  },
  {
    name: 'all vectors given up and one asked for',
    file: 'packages/vmm/src/vectors.ts',
    from: '    yield* this.#giveUp(before > 0);\n    yield* this.#setIrqs(0, this.#descriptors(vector + 1));\n',
    to: '    yield* this.#giveUp(before > 0);\n    yield* this.#setIrqs(vector, [this.#descriptor(vector)]);\n',
    check: 'mdev/set-up (incremental)',
    finds: 'no deadlock',
    why: 'The earlier vectors have no trigger after the guest has unmasked one more.',
  },
  {
    name: 'one descriptor short',
    file: 'packages/vmm/src/vectors.ts',
    from: '    yield* this.#setIrqs(0, this.#descriptors(vector + 1));\n',
    to: '    yield* this.#setIrqs(0, this.#descriptors(vector));\n',
    check: 'mdev/set-up (incremental)',
    finds: ['no agent throws', 'no deadlock'],
    why: 'The vector that was unmasked is not among those that are asked for.',
  },
];
