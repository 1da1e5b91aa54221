// A generated program as a model: generators that run its instructions.
import { Lock } from '@siov/base';
import type { PointKind, Steps } from '@siov/base';
import type { Machine, Model, Predicate, Property, World } from '../../src/model.ts';
import { responds } from '../known/responds.ts';
import { at } from '../witness/local.ts';
import { DOMAIN, LOCKS, WORDS } from './program.ts';
import type { Body, Claim, Condition, Instruction, Program, Value } from './program.ts';
import { cellName, claimText, conditionText, instructionText } from './text.ts';

export function modelOf(program: Program, name = 'a generated model'): Model {
  return { name, make: (world) => new Interpreter(world, program).machine() };
}

/** All that an agent knows, but for where it is. */
interface Locals {
  readonly me: string;
  r: number;
  /** Whether it may throw without a point before: who throws while the machine is made leaves no machine. */
  began: boolean;
}

const KINDS: Partial<Record<Instruction['op'], PointKind>> = {
  load: 'register', store: 'register', push: 'device', shift: 'device', wait: 'wait', spawn: 'trap',
};

class Interpreter {
  readonly #world: World;
  readonly #program: Program;
  /** The first two cells are fields of one record; the others are alone. */
  readonly #cells: Record<string, number>[];
  readonly #locks: Lock[];
  readonly #words: Uint32Array;
  readonly #map: Map<number, number>;
  readonly #kept: Map<number, { value: number }>;
  readonly #queue: { items: readonly number[] };

  constructor(world: World, program: Program) {
    const { state } = world;
    const [a = 0, b = 0, ...others] = program.cells;
    const both = state.record<Record<string, number>>('ab', { a, b });
    this.#world = world;
    this.#program = program;
    const alone = (value: number, name: string): Record<string, number> => state.record<Record<string, number>>(name, { [name]: value });
    this.#cells = [both, both, ...others.map((value, index) => alone(value, cellName(index + 2)))];
    this.#locks = Array.from({ length: LOCKS }, (_, index) => new Lock(state, `lock${index}`));
    this.#words = state.words('words', WORDS);
    this.#map = state.map('map');
    this.#kept = state.map('kept');
    this.#queue = state.record<{ items: readonly number[] }>('queue', { items: [] });
  }

  machine(): Machine {
    const agents = this.#program.agents.map(({ daemon, body }, index) => {
      const name = `agent ${index}`;
      return { name, daemon, steps: this.#run(body, '', { me: name, r: 0, began: false }) };
    });
    return { agents, properties: this.#program.claims.map((claim, index) => this.#property(claim, index)) };
  }

  *#run(body: Body, path: string, locals: Locals): Steps<void> {
    for (const [index, instruction] of body.entries()) yield* this.#instruction(instruction, `${path}.${index}`, locals);
  }

  *#instruction(instruction: Instruction, path: string, locals: Locals): Steps<void> {
    const kind = KINDS[instruction.op] ?? 'memory';
    const here = (): ReturnType<typeof at> => at(kind, instructionText(instruction), [path, locals.r]);
    switch (instruction.op) {
      case 'wait':
        yield at(kind, instructionText(instruction), [path, locals.r], () => this.#holds(instruction.until));
        return;
      case 'poll':
        for (let looks = 0; looks === 0 || this.#cell(instruction.cell) !== instruction.equals;) {
          // Each loop says which it is: those of one agent that say the same are taken for one.
          yield at(looks === 0 ? 'memory' : 'poll', `${instructionText(instruction)} at ${path}`, [path, locals.r]);
          looks = 1;
        }
        return;
      case 'throw':
        if (!locals.began) yield here();
        if (locals.r === instruction.equals) throw new Error(`r is ${locals.r}`);
        return;
      case 'if':
        if (locals.r === instruction.equals) yield* this.#run(instruction.body, path, locals);
        return;
      case 'repeat':
        for (let time = 0; time < instruction.times; time++) yield* this.#run(instruction.body, `${path}[${time}]`, locals);
        return;
      case 'forever':
        for (;;) {
          // Nothing is remembered there, so that whoever explores this sees an end of it.
          locals.r = 0;
          yield at(kind, instructionText(instruction), null);
          locals.began = true;
          yield* this.#run(instruction.body, path, locals);
        }
      case 'lock': {
        const lock = this.#locks[instruction.lock];
        if (lock !== undefined) yield* lock.with(this.#run(instruction.body, path, locals));
        return;
      }
      case 'spawn': {
        yield here();
        const name = `${locals.me}${path}`;
        const steps = this.#spawned(instruction.body, { me: name, r: locals.r, began: true });
        this.#world.spawn({ name, daemon: instruction.daemon, steps });
        return;
      }
      default:
        if (!instruction.silent) yield here();
        locals.began ||= !instruction.silent;
        this.#access(instruction, locals);
    }
  }

  /** Whether an agent's code before its first point comes before or after the rest of its maker's step is nobody's business. */
  *#spawned(body: Body, locals: Locals): Steps<void> {
    yield at('memory', 'start', locals.r);
    yield* this.#run(body, '', locals);
  }

  #access(instruction: Extract<Instruction, { readonly silent: boolean }>, locals: Locals): void {
    const value = (what: Value): number => (what === 'r' ? locals.r : what === 'r+1' ? (locals.r + 1) % DOMAIN : what);
    switch (instruction.op) {
      case 'read': locals.r = this.#cell(instruction.cell); break;
      case 'write': this.#setCell(instruction.cell, value(instruction.value)); break;
      case 'load': locals.r = this.#words[instruction.word] ?? 0; break;
      case 'store': this.#words[instruction.word] = value(instruction.value); break;
      case 'insert': this.#map.set(instruction.key, value(instruction.value)); break;
      case 'delete': locals.r = this.#map.delete(instruction.key) ? 1 : 0; break;
      case 'look up': locals.r = this.#map.get(instruction.key) ?? 0; break;
      case 'count entries': locals.r = this.#map.size; break;
      case 'push': if (this.#queue.items.length < 2) this.#queue.items = [...this.#queue.items, value(instruction.value)]; break;
      case 'shift': {
        const [first = 0, ...rest] = this.#queue.items;
        this.#queue.items = rest;
        locals.r = first;
        break;
      }
      case 'keep': {
        const kept = this.#kept.get(instruction.key) ?? this.#world.state.record(`kept${instruction.key}`, { value: 0 });
        kept.value = value(instruction.value);
        this.#kept.set(instruction.key, kept);
        break;
      }
    }
  }

  #cell(cell: number): number {
    return this.#cells[cell]?.[cellName(cell)] ?? 0;
  }

  #setCell(cell: number, value: number): void {
    const record = this.#cells[cell];
    if (record !== undefined) record[cellName(cell)] = value;
  }

  #holds(condition: Condition): boolean {
    switch (condition.is) {
      case 'cell': return this.#cell(condition.cell) === condition.equals;
      case 'word': return this.#words[condition.word] === condition.equals;
      case 'same': return this.#cell(condition.cells[0]) === this.#cell(condition.cells[1]);
      case 'entries': return this.#map.size === condition.equals;
      case 'entry': return this.#map.has(condition.key);
      case 'queued': return this.#queue.items.length === condition.equals;
      case 'kept': return this.#kept.get(condition.key)?.value === condition.equals;
      case 'held': return this.#locks[condition.lock]?.held === true;
      case 'not': return !this.#holds(condition.of);
      case 'both': return this.#holds(condition.of[0]) && this.#holds(condition.of[1]);
    }
  }

  #property(claim: Claim, index: number): Property {
    const name = `${index}: ${claimText(claim)}`;
    // Some say what is wrong, some only that something is.
    const not = (condition: Condition): boolean | string => (index % 2 === 1 ? `not so: ${conditionText(condition)}` : false);
    const claimed = (condition: Condition): Predicate => () => this.#holds(condition) || not(condition);
    if (claim.kind !== 'responds') return { kind: claim.kind, name, holds: claimed(claim.holds) };
    return responds(name, () => this.#holds(claim.asked), () => this.#holds(claim.answered), claim.within ?? undefined);
  }
}
