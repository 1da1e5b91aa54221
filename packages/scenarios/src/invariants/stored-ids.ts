// What each interrupt's owner had stored for it when it was allocated.
import type { StatePort } from '@siov/base';
import type { OperationHistory } from './operation-history.ts';

/** The PASID an owner has stored for interrupt `index` of a device of this name; undefined: it stores none. */
export type StoredId = (device: string, index: number) => number | null | undefined;

export class StoredIds {
  /** What is stored now. */
  readonly now: StoredId;
  readonly #at: Map<string, number | null | undefined>;

  constructor(state: StatePort, operations: OperationHistory, stored: StoredId) {
    this.#at = state.map('history/stored-ids');
    this.now = stored;
    operations.onBegin(({ layer, name, values }) => {
      if (layer !== 'irq' || name !== 'msi_domain_alloc_irq') return;
      const [device, index] = [String(values['device']), Number(values['index'])];
      this.#at.set(`${device}/${index}`, stored(device, index));
    });
  }

  /** At the last allocation. */
  at(device: string, index: number): number | null | undefined {
    return this.#at.get(`${device}/${index}`);
  }
}
