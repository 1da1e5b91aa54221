// What the engines have in their hands, and who waits for it: drains and resets end when nothing of what they wait for
// can reach memory or send an interrupt any more (DSA spec 3.0 §3.15).
import type { StatePort } from '@siov/base';

/**
 * `abort`: the descriptor is given up, unless its completion has begun, for then it completes wholly. `reset`: the engine
 * does nothing more for it, wherever it is.
 */
export type Stop = 'none' | 'abort' | 'reset';

interface Engine {
  busy: boolean;
  wq: number;
  /** Null: no PASID. */
  pasid: number | null;
  stop: Stop;
  /** Engines whose present descriptor this one waits for. */
  awaits: readonly number[];
}

/** What the command unit waits for: descriptors still queued when it began, by queue, and engines at work on others. */
interface Awaited {
  queued: readonly number[];
  engines: readonly number[];
}

export interface Selection {
  readonly wq?: number;
  readonly pasid?: number;
}

export class InFlight {
  readonly #engines: readonly Engine[];
  readonly #command: Awaited;

  constructor(state: StatePort, name: string, engines: number) {
    this.#engines = Array.from({ length: engines }, (_each, engine) =>
      state.record<Engine>(`${name}/engine${engine}`, { busy: false, wq: 0, pasid: null, stop: 'none', awaits: [] }),
    );
    this.#command = state.record<Awaited>(`${name}/awaited`, { queued: [], engines: [] });
  }

  begin(engine: number, work: { wq: number; pasid: number | null }): void {
    const record = this.#engine(engine);
    Object.assign(record, { busy: true, wq: work.wq, pasid: work.pasid, stop: 'none', awaits: [] });
    const ahead = this.#command.queued[work.wq] ?? 0;
    if (ahead === 0) return;
    this.#command.queued = this.#command.queued.map((count, wq) => (wq === work.wq ? count - 1 : count));
    this.#command.engines = [...this.#command.engines, engine];
  }

  end(engine: number): void {
    const record = this.#engine(engine);
    Object.assign(record, { busy: false, wq: 0, pasid: null, stop: 'none', awaits: [] });
    for (const other of this.#engines) if (other.awaits.includes(engine)) other.awaits = other.awaits.filter((each) => each !== engine);
    if (this.#command.engines.includes(engine)) this.#command.engines = this.#command.engines.filter((each) => each !== engine);
  }

  /** Whether the engine has to let go of its descriptor, if it has not begun to complete it. */
  stopped(engine: number): boolean {
    return this.#engine(engine).stop !== 'none';
  }

  /** Whether it has to even so. */
  stoppedForGood(engine: number): boolean {
    return this.#engine(engine).stop === 'reset';
  }

  stop(how: 'abort' | 'reset', selection: Selection = {}): void {
    for (const engine of this.#engines) {
      if (engine.busy && engine.stop !== 'reset' && matches(engine, selection)) engine.stop = how;
    }
  }

  /** A Drain descriptor waits for what other engines took before it: of its queue, and of its PASID if that is shared. */
  awaitOthers(engine: number, selection: Selection): void {
    this.#engine(engine).awaits = this.#busy(selection).filter((other) => other !== engine);
  }

  othersDone(engine: number): boolean {
    return this.#engine(engine).awaits.length === 0;
  }

  /** The command unit waits for these queued descriptors (count by queue) and for what is in flight of `selection`. */
  awaitAll(queued: readonly number[], selection: Selection = {}): void {
    this.#command.queued = queued;
    this.#command.engines = this.#busy(selection);
  }

  allDone(): boolean {
    return this.#command.engines.length === 0 && this.#command.queued.every((count) => count === 0);
  }

  /** The command unit waits for nothing. */
  forget(): void {
    this.awaitAll([], { wq: -1 });
  }

  get busy(): number {
    return this.#engines.filter((engine) => engine.busy).length;
  }

  #busy(selection: Selection): number[] {
    return this.#engines.flatMap((engine, index) => (engine.busy && matches(engine, selection) ? [index] : []));
  }

  #engine(engine: number): Engine {
    return this.#engines[engine] as Engine;
  }
}

function matches(engine: { wq: number; pasid: number | null }, { wq, pasid }: Selection): boolean {
  return (wq === undefined || engine.wq === wq) && (pasid === undefined || engine.pasid === pasid);
}
