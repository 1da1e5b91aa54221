// A monitor whose conditions are hints: who is signalled has to come in again, and others may come before.
// B. W. Lampson, D. D. Redell, "Experience with processes and monitors in Mesa", 1980.
import { point } from '@siov/base';
import type { Steps } from '@siov/base';
import type { World } from '../../src/model.ts';
import { at } from '../witness/local.ts';

const enter = (free: () => boolean): ReturnType<typeof at> => at('lock', 'enter', null, free);
const leave = point('unlock', 'leave');

export class Monitor {
  readonly #state: { held: boolean };

  constructor(world: World) {
    this.#state = world.state.record('monitor', { held: false });
  }

  /** What was known before is forgotten here: agents loop around this. */
  *within(body: Steps<void>): Steps<void> {
    yield enter(this.free);
    this.#state.held = true;
    try {
      yield* body;
    } catch (error) {
      this.#state.held = false;
      throw error;
    }
    yield leave;
    this.#state.held = false;
  }

  readonly free = (): boolean => !this.#state.held;

  release(): void {
    this.#state.held = false;
  }

  take(): void {
    this.#state.held = true;
  }
}

export class Condition {
  readonly #monitor: Monitor;
  readonly #state: { asleep: readonly string[] };
  readonly #name: string;

  constructor(world: World, monitor: Monitor, name: string) {
    this.#monitor = monitor;
    this.#state = world.state.record<{ asleep: readonly string[] }>(name, { asleep: [] });
    this.#name = name;
  }

  /** Falls asleep and leaves in one step; comes in again once somebody has signalled. */
  *wait(me: string): Steps<void> {
    yield { kind: 'wait', what: `fall asleep on ${this.#name}` };
    this.#state.asleep = [...this.#state.asleep, me];
    this.#monitor.release();
    yield at('wait', `be woken on ${this.#name}`, null, () => !this.#state.asleep.includes(me) && this.#monitor.free());
    this.#monitor.take();
  }

  /** Wakes the one that has slept longest. */
  signal(): void {
    this.#state.asleep = this.#state.asleep.slice(1);
  }

  broadcast(): void {
    this.#state.asleep = [];
  }
}
