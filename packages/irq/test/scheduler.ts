// Runs agents in an order that a test chooses step by step, to look for interleavings no deterministic executor takes.
import fc from 'fast-check';
import type { Agent, Point, Steps } from '@siov/base';

/** Choices in bursts: what breaks a rule is mostly one agent that gets far while another stands still. */
export const bursts = fc
  .array(fc.tuple(fc.nat(11), fc.oneof(fc.constant(1), fc.integer({ min: 1, max: 16 }))), { maxLength: 60, size: 'max' })
  .map((each) => each.flatMap(([choice, times]) => Array.from({ length: times }, () => choice)));

interface Task {
  readonly name: string;
  readonly steps: Steps<unknown>;
  /** Serves others for ever: its waiting is rest, not deadlock. */
  readonly daemon: boolean;
  at: Point | null;
}

export class Scheduler {
  readonly #tasks: Task[] = [];

  spawn(agent: Pick<Agent, 'name'>, steps: Steps<unknown>, daemon = false): void {
    this.#tasks.push({ name: agent.name, steps, daemon, at: null });
  }

  /** One step of one of the agents that can move, as `choice` says; false when none can. */
  step(choice: number): boolean {
    const ready = this.#tasks.filter(({ at }) => at?.ready === undefined || at.ready());
    const task = ready[choice % ready.length];
    if (task === undefined) return false;
    const next = task.steps.next();
    if (next.done) this.#tasks.splice(this.#tasks.indexOf(task), 1);
    else task.at = next.value;
    return true;
  }

  /** Agents that are not done and not daemons: what is left when nobody can move is deadlocked. */
  get stuck(): string[] {
    return this.#tasks.filter((task) => !task.daemon).map((task) => `${task.name}: ${task.at?.what}`);
  }

  /** Runs by `choices`, then lowest first, calling `check` after each step. */
  run(choices: readonly number[], check: () => void = () => {}): void {
    for (let count = 0; this.step(choices[count] ?? count); count++) {
      check();
      if (count > 100_000) throw new Error(`does not come to rest: ${this.stuck.join('; ')}`);
    }
  }
}
