// A semaphore as Dijkstra has it: P waits until the count can be lowered, in one step; nobody says who of those that wait is
// next.
import type { Steps } from '@siov/base';
import type { World } from '../../src/model.ts';
import { at } from '../witness/local.ts';

export class Semaphore {
  readonly #state: { count: number };
  readonly #name: string;

  constructor(world: World, name: string, count: number) {
    this.#state = world.state.record(name, { count });
    this.#name = name;
  }

  get count(): number {
    return this.#state.count;
  }

  /** Nothing of what was known before counts any more but `local`. */
  *p(local: string | number | null = null): Steps<void> {
    yield at('wait', `P(${this.#name})`, local, () => this.#state.count > 0);
    this.#state.count -= 1;
  }

  *v(): Steps<void> {
    yield { kind: 'memory', what: `V(${this.#name})` };
    this.#state.count += 1;
  }
}
