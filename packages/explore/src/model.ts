// What is explored: agents over shared state, and what has to hold of them.
import type { StatePort, Steps } from '@siov/base';

export interface Model {
  readonly name: string;
  /**
   * Makes the machine anew: every schedule starts from one. Deterministic: two calls make the same machine, whatever ran
   * before. All that agents share is made by `world.state`; what runs in here before the agents is not interleaved.
   */
  make(world: World): Machine;
}

export interface World {
  readonly state: StatePort;
  /** Starts another agent, as part of the step that calls it; in {@link Model.make} the same as listing it. */
  spawn(agent: ModelAgent): void;
  /** Whether somebody will read {@link Machine.notes}: a machine that is only searched need not make them. */
  readonly narrated: boolean;
}

export interface Machine {
  readonly agents: readonly ModelAgent[];
  readonly properties: readonly Property[];
  /** What happened since it was last asked, a line each, in the model's own words; for {@link World.narrated} machines. */
  readonly notes?: () => readonly string[];
}

/**
 * Runs from one point to the next as one step. `name` is unique among the agents that run together. A `daemon` may wait
 * for ever: it is no deadlock when only daemons are left.
 */
export interface ModelAgent {
  readonly name: string;
  readonly steps: Steps<unknown>;
  readonly daemon?: boolean;
  /**
   * Makes its steps once more, up to the same first point. Where all agents that a machine begins with have it, one machine is
   * used for many runs: its cells are put back, and all else of it must not change.
   */
  readonly again?: () => Steps<unknown>;
}

/** Whether it holds; a text says what does not. Reads shared state only, changes nothing. */
export type Predicate = () => boolean | string;

/**
 * `always`: in every state. `rest`: in every state that no agent can leave. `eventually`: on every weakly fair run, in some
 * state. `responds`: on every weakly fair run, each state where `when` holds is followed by one where `then` holds, or is
 * one; with `within`, after at most that many steps of all agents together, on every run.
 */
export type Property =
  | { readonly kind: 'always' | 'rest' | 'eventually'; readonly name: string; readonly holds: Predicate }
  | { readonly kind: 'responds'; readonly name: string; readonly when: Predicate; readonly then: Predicate; readonly within?: number };

/** Held of every model: an agent that is no daemon waits, and nobody can move. */
export const DEADLOCK = 'no deadlock';
/** Held of every model by the engine `lazy`: where all that have to come to an end wait or poll, what they poll for comes. */
export const LIVELOCK = 'no polling in vain';
/** Held of every model: no agent throws. */
export const NO_THROW = 'no agent throws';
