// A device whose message store is filled by commands: the driver's half of the queue, one lock for the whole queue.
import { point, waitUntil } from '@siov/base';
import type { StatePort, Steps } from '@siov/base';
import { EMPTY_CONTROL } from './store.ts';
import type { MessageStore, StoredWrite } from './store.ts';
import type { ImsDesc, ImsQueueDriver, ImsShadow } from '../src/index.ts';

const command = point('device', 'IMS queue command');

export class QueueDriver implements ImsQueueDriver {
  readonly name = 'queue0';
  readonly size: number;
  readonly #store: MessageStore;
  readonly #lock: { held: boolean };
  readonly #shadows: readonly ImsShadow[];
  /** Entries it has no shadow for. */
  readonly refused = new Set<number>();
  /** Called once, when the next command is on its way with the shadow as it was. */
  meanwhile: (() => void) | null = null;

  constructor(state: StatePort, size: number, store: MessageStore, written: (write: StoredWrite) => void) {
    this.size = size;
    this.#store = store;
    this.#lock = state.record('queue0/lock', { held: false });
    this.#shadows = Array.from({ length: size }, (_, slot) => {
      const held = state.record<ImsShadow>(`queue0/shadow${slot}`, { addressLo: 0xfee00000, addressHi: 0, data: 0, control: EMPTY_CONTROL });
      return watched(held, (word, value) => written({ slot, word, value }));
    });
  }

  get locked(): boolean {
    return this.#lock.held;
  }

  shadow(slot: number): ImsShadow {
    const shadow = this.#shadows[slot];
    if (shadow === undefined) throw new Error(`no shadow ${slot}`);
    return shadow;
  }

  queueGetShadow({ hwirq }: ImsDesc): ImsShadow | null {
    return this.refused.has(hwirq) ? null : (this.#shadows[hwirq] ?? null);
  }

  *queueLock(): Steps<void> {
    yield* waitUntil('the queue lock', () => !this.#lock.held);
    this.#lock.held = true;
  }

  /** The command carries the shadow as it is when it is written, and the device takes its words one after the other. */
  *queueSyncUnlock({ hwirq }: ImsDesc): Steps<void> {
    for (const write of this.#store.commandFor(hwirq, this.shadow(hwirq))) {
      yield command;
      const { meanwhile } = this;
      this.meanwhile = null;
      meanwhile?.();
      this.#store.take(write);
    }
    this.#lock.held = false;
    yield command;
  }
}

/** `held`, with every write of it told. */
function watched(held: ImsShadow, told: (word: number, value: number) => void): ImsShadow {
  const names = ['addressLo', 'addressHi', 'data', 'control'] as const;
  return Object.defineProperties({}, Object.fromEntries(names.map((name, word) => [name, {
    enumerable: true,
    get: () => held[name],
    set: (value: number) => { told(word, value); Object.assign(held, { [name]: value }); },
  }]))) as ImsShadow;
}
