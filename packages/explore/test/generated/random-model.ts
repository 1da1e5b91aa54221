// Small random models, drawn by fast-check: agents, instructions and claims that meet on few cells, so that they get in each
// other's way. A model that fails shrinks to fewer and simpler instructions.
import fc from 'fast-check';
import { DOMAIN, KEYS, LOCKS, WORDS } from './program.ts';
import type { Body, Claim, Condition, Instruction, Program, Value } from './program.ts';
import { programText } from './text.ts';

const small = fc.nat(DOMAIN - 1);
const value: fc.Arbitrary<Value> = fc.oneof({ weight: 2, arbitrary: small }, { weight: 1, arbitrary: fc.constantFrom<Value>('r', 'r+1') });
const key = fc.nat(KEYS - 1);
const word = fc.nat(WORDS - 1);
const lock = fc.nat(LOCKS - 1);
/** Most instructions are a step of their own. */
const silent = fc.oneof({ weight: 4, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) });

function conditions(cells: number): fc.Arbitrary<Condition> {
  const cell = fc.nat(cells - 1);
  const is = <K extends Condition['is']>(kind: K): fc.Arbitrary<K> => fc.constant(kind);
  const plain = fc.oneof<fc.WeightedArbitrary<Condition>[]>(
    { weight: 6, arbitrary: fc.record({ is: is('cell'), cell, equals: small }) },
    { weight: 1, arbitrary: fc.record({ is: is('word'), word, equals: small }) },
    { weight: 1, arbitrary: fc.record({ is: is('same'), cells: fc.tuple(cell, cell) }) },
    { weight: 1, arbitrary: fc.record({ is: is('entries'), equals: fc.nat(KEYS) }) },
    { weight: 1, arbitrary: fc.record({ is: is('entry'), key }) },
    { weight: 1, arbitrary: fc.record({ is: is('queued'), equals: fc.nat(2) }) },
    { weight: 1, arbitrary: fc.record({ is: is('kept'), key, equals: small }) },
    { weight: 1, arbitrary: fc.record({ is: is('held'), lock }) },
  );
  return fc.oneof<fc.WeightedArbitrary<Condition>[]>(
    { weight: 4, arbitrary: plain },
    { weight: 2, arbitrary: fc.record({ is: is('not'), of: plain }) },
    { weight: 2, arbitrary: fc.record({ is: is('not'), of: fc.record({ is: is('both'), of: fc.tuple(plain, plain) }) }) },
    { weight: 1, arbitrary: fc.record({ is: is('both'), of: fc.tuple(plain, plain) }) },
  );
}

function accesses(cells: number): fc.Arbitrary<Instruction> {
  const cell = fc.nat(cells - 1);
  const op = <K extends Instruction['op']>(kind: K): fc.Arbitrary<K> => fc.constant(kind);
  return fc.oneof<fc.WeightedArbitrary<Instruction>[]>(
    { weight: 5, arbitrary: fc.record({ op: op('read'), cell, silent }) },
    { weight: 6, arbitrary: fc.record({ op: op('write'), cell, value, silent }) },
    { weight: 1, arbitrary: fc.record({ op: op('load'), word, silent }) },
    { weight: 1, arbitrary: fc.record({ op: op('store'), word, value, silent }) },
    { weight: 1, arbitrary: fc.record({ op: op('insert'), key, value, silent }) },
    { weight: 1, arbitrary: fc.record({ op: op('delete'), key, silent }) },
    { weight: 1, arbitrary: fc.record({ op: op('look up'), key, silent }) },
    { weight: 1, arbitrary: fc.record({ op: op('count entries'), silent }) },
    { weight: 1, arbitrary: fc.record({ op: op('push'), value, silent }) },
    { weight: 1, arbitrary: fc.record({ op: op('shift'), silent }) },
    { weight: 1, arbitrary: fc.record({ op: op('keep'), key, value, silent }) },
    { weight: 3, arbitrary: fc.record({ op: op('wait'), until: conditions(cells) }) },
    { weight: 1, arbitrary: fc.record({ op: op('poll'), cell, equals: small }) },
    { weight: 2, arbitrary: fc.record({ op: op('throw'), equals: fc.integer({ min: 1, max: DOMAIN - 1 }) }) },
  );
}

/** Instructions with others inside, `depth` deep. */
function bodies(cells: number, depth: number, maxLength: number): fc.Arbitrary<Body> {
  const access = accesses(cells);
  if (depth === 0) return fc.array(access, { minLength: 1, maxLength });
  const body = bodies(cells, depth - 1, 2);
  const op = <K extends Instruction['op']>(kind: K): fc.Arbitrary<K> => fc.constant(kind);
  const instruction = fc.oneof<fc.WeightedArbitrary<Instruction>[]>(
    { weight: 14, arbitrary: access },
    { weight: 3, arbitrary: fc.record({ op: op('lock'), lock, body }) },
    { weight: 2, arbitrary: fc.record({ op: op('if'), equals: small, body }) },
    { weight: 1, arbitrary: fc.record({ op: op('repeat'), times: fc.integer({ min: 1, max: 2 }), body }) },
  );
  return fc.array(instruction, { minLength: 1, maxLength });
}

/** Of agents that are there from the start: they may start others, and may end in a loop without end. */
function programs(cells: number, maxLength: number): fc.Arbitrary<Body> {
  const inner = bodies(cells, 1, 2);
  const ending = fc.oneof(
    { weight: 6, arbitrary: fc.constant<Body>([]) },
    { weight: 2, arbitrary: inner.map((body): Body => [{ op: 'forever', body }]) },
    { weight: 1, arbitrary: fc.tuple(fc.boolean(), bodies(cells, 0, 2)).map(([daemon, body]): Body => [{ op: 'spawn', daemon, body }]) },
  );
  return fc.tuple(bodies(cells, 2, maxLength), ending).map(([body, end]) => [...body, ...end]);
}

function claims(cells: number): fc.Arbitrary<Claim> {
  const condition = conditions(cells);
  const within = fc.oneof(fc.constant(null), fc.integer({ min: 0, max: 6 }));
  return fc.oneof<fc.Arbitrary<Claim>[]>(
    fc.record({ kind: fc.constantFrom('always' as const, 'rest' as const, 'eventually' as const), holds: condition }),
    fc.record({ kind: fc.constant('responds' as const), asked: condition, answered: condition, within }),
  );
}

/** More agents, shorter ones: as much as an enumeration can bear. */
const LENGTHS = [0, 0, 5, 4, 2];

function machines(cells: number, agents: number): fc.Arbitrary<Program> {
  const daemon = fc.nat(5).map((draw) => draw === 5);
  const agent = fc.record({ daemon, body: programs(cells, LENGTHS[agents] ?? 1) });
  return fc.record({
    cells: fc.array(small, { minLength: cells, maxLength: cells }),
    agents: fc.array(agent, { minLength: agents, maxLength: agents }),
    claims: fc.array(claims(cells), { minLength: 1, maxLength: 5 }),
  });
}

export const randomProgram: fc.Arbitrary<Program> = fc.tuple(fc.integer({ min: 1, max: 4 }), fc.integer({ min: 2, max: 4 }))
  .chain(([cells, agents]) => machines(cells, agents))
  .map((program) => Object.assign(program, { [fc.toStringMethod]: () => programText(program) }));
