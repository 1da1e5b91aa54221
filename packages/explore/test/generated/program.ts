// What small generated models are made of, as plain data: agents that run a few instructions over shared cells, a map, words,
// a queue and locks, each with one register of its own.

/** The contents of every cell, word, entry and register: 0 to 2. */
export const DOMAIN = 3;

/** `r`: what the register holds; `r+1`: one more, modulo {@link DOMAIN}. */
export type Value = number | 'r' | 'r+1';

/** `silent`: without a point before it, so that it belongs to the step of what comes before. */
export type Instruction =
  | { readonly op: 'read'; readonly cell: number; readonly silent: boolean }
  | { readonly op: 'write'; readonly cell: number; readonly value: Value; readonly silent: boolean }
  | { readonly op: 'load'; readonly word: number; readonly silent: boolean }
  | { readonly op: 'store'; readonly word: number; readonly value: Value; readonly silent: boolean }
  | { readonly op: 'insert'; readonly key: number; readonly value: Value; readonly silent: boolean }
  | { readonly op: 'delete'; readonly key: number; readonly silent: boolean }
  | { readonly op: 'look up'; readonly key: number; readonly silent: boolean }
  | { readonly op: 'count entries'; readonly silent: boolean }
  | { readonly op: 'push'; readonly value: Value; readonly silent: boolean }
  | { readonly op: 'shift'; readonly silent: boolean }
  /** Makes the record of that key if there is none, and writes to it. */
  | { readonly op: 'keep'; readonly key: number; readonly value: Value; readonly silent: boolean }
  | { readonly op: 'wait'; readonly until: Condition }
  | { readonly op: 'poll'; readonly cell: number; readonly equals: number }
  | { readonly op: 'throw'; readonly equals: number }
  | { readonly op: 'if'; readonly equals: number; readonly body: Body }
  | { readonly op: 'repeat'; readonly times: number; readonly body: Body }
  | { readonly op: 'forever'; readonly body: Body }
  | { readonly op: 'lock'; readonly lock: number; readonly body: Body }
  | { readonly op: 'spawn'; readonly daemon: boolean; readonly body: Body };

export type Body = readonly Instruction[];

/** About what is shared. */
export type Condition =
  | { readonly is: 'cell'; readonly cell: number; readonly equals: number }
  | { readonly is: 'word'; readonly word: number; readonly equals: number }
  | { readonly is: 'same'; readonly cells: readonly [number, number] }
  | { readonly is: 'entries'; readonly equals: number }
  | { readonly is: 'entry'; readonly key: number }
  | { readonly is: 'queued'; readonly equals: number }
  | { readonly is: 'kept'; readonly key: number; readonly equals: number }
  | { readonly is: 'held'; readonly lock: number }
  | { readonly is: 'not'; readonly of: Condition }
  | { readonly is: 'both'; readonly of: readonly [Condition, Condition] };

export type Claim =
  | { readonly kind: 'always' | 'rest' | 'eventually'; readonly holds: Condition }
  | { readonly kind: 'responds'; readonly asked: Condition; readonly answered: Condition; readonly within: number | null };

export interface Program {
  /** What the cells hold at first; there are as many as there are values. */
  readonly cells: readonly number[];
  readonly agents: readonly { readonly daemon: boolean; readonly body: Body }[];
  readonly claims: readonly Claim[];
}

export const LOCKS = 2;
export const KEYS = 2;
export const WORDS = 2;
