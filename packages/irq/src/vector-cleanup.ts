// The end of a move: a tick after the first interrupt on the new vector, the old CPU frees the old one
// (__vector_schedule_cleanup(), vector_cleanup_callback(); the timer since Linux 6.5, from memory of the kernel source).
import { waitUntil } from '@siov/base';
import type { Steps } from '@siov/base';
import { hasCpu } from './cpu-mask.ts';
import type { VectorAssigner } from './vector-assign.ts';
import type { ApicData } from './vector-data.ts';

/** Milliseconds of a jiffy, with HZ = 1000. */
const TICK = 1;

interface CleanupList {
  /** virqs whose old vectors wait, in order of arrival. */
  moved: readonly number[];
  /** The timer is set: its agent runs. */
  armed: boolean;
  /** When it goes off, by the machine's clock. */
  expires: number;
}

export class VectorCleanup {
  readonly #vectors: VectorAssigner;
  readonly #dataOf: (virq: number) => ApicData | undefined;
  readonly #lists: readonly CleanupList[];

  constructor(vectors: VectorAssigner, dataOf: (virq: number) => ApicData | undefined) {
    const { ports, options } = vectors.core;
    this.#vectors = vectors;
    this.#dataOf = dataOf;
    this.#lists = vectors.cpus.map((_, cpu) => ports.state.record<CleanupList>(`${options.name}/cpu${cpu}/vector_cleanup`, { moved: [], armed: false, expires: 0 }));
  }

  /** The first interrupt has arrived on the new vector. At once where the old CPU is offline. */
  schedule(data: ApicData): void {
    const { core } = this.#vectors;
    data.moveInProgress = false;
    if (!hasCpu(core.online, data.prevCpu)) {
      this.#vectors.freeMoved(data);
      return;
    }
    const list = this.#lists[data.prevCpu] as CleanupList;
    data.cleanupPending = true;
    list.moved = [...list.moved, data.virq];
    if (list.armed) return;
    list.armed = true;
    list.expires = core.ports.clock.now() + TICK;
    core.ports.spawn({ name: `vector_cleanup/${data.prevCpu}`, layer: 'irq' }, this.#timer(data.prevCpu, list));
  }

  *#timer(cpu: number, list: CleanupList): Steps<void> {
    const { clock } = this.#vectors.core.ports;
    while (list.moved.length > 0) {
      yield* waitUntil(`the vector clean-up of CPU ${cpu}`, () => clock.now() >= list.expires);
      // What is requested on the old vector the CPU takes first; the timer runs again for it.
      list.moved = list.moved.filter((virq) => this.#isRequested(virq, cpu) || this.#free(virq, cpu));
      list.expires = clock.now() + TICK;
    }
    list.armed = false;
  }

  #isRequested(virq: number, cpu: number): boolean {
    const data = this.#dataOf(virq);
    return data?.cleanupPending === true && data.prevCpu === cpu && this.#vectors.at(cpu).apic.requested(data.prevVector);
  }

  /** Nothing when the interrupt was freed or its move was ended meanwhile, as it is when the CPU goes. Always false. */
  #free(virq: number, cpu: number): false {
    const data = this.#dataOf(virq);
    if (data?.cleanupPending && data.prevCpu === cpu) this.#vectors.freeMoved(data);
    return false;
  }
}
