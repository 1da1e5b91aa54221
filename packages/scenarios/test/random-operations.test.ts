// Random programs over four virtual devices, the function, eight CPUs and tables that run out.
import { readFileSync } from 'node:fs';
import { runInNewContext } from 'node:vm';
import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { layerRules, minimise, OPERATION_KINDS, perform, printProgram, ProgramMachine, RUN_OUT, runProgram, TABLES } from '../src/index.ts';
import type { OperationKind, Outcome, Program, RunOptions, Tables } from '../src/index.ts';
import { declaredLayers } from './declared-layers.ts';
import { programs, tables } from './program-arbitrary.ts';

/** Throws, with the shortest program as text, when an invariant does not hold. */
function hold(options: Omit<RunOptions, 'tables'>, numRuns: number, saw: (program: Program, outcomes: readonly Outcome[]) => void = () => {}): void {
  const run = (program: Program, of: Tables) => runProgram(program, { ...options, tables: of });
  const result = fc.check(fc.property(programs, tables, (program, of) => {
    const { outcomes, violations } = run(program, of);
    saw(program, outcomes);
    return violations.length === 0;
  }), { numRuns });
  if (!result.failed || result.counterexample === null) return;
  const [program, of] = result.counterexample;
  const shortest = minimise(program, (shorter) => run(shorter, of).violations.length > 0);
  throw new Error(`\n${printProgram(shortest, of, run(shortest, of).violations)}\n`);
}

/** What some operations end with when they do what they are there for. */
const ENDS: Partial<Record<OperationKind, Outcome['how']>> = { storm: 'failed', forge: 'refused' };

describe('programs of operations of all kinds', () => {
  test('I1 to I11 hold after each; every call that fails leaves all as it was (R6); at the end nothing is left; every kind is done, and everything runs out', () => {
    const counted = new Map<OperationKind, number>(OPERATION_KINDS.map((kind) => [kind, 0]));
    const ranOut = new Map(Object.keys(RUN_OUT).map((what) => [what, 0]));
    hold({}, 120, (program, outcomes) => {
      for (const [at, outcome] of outcomes.entries()) {
        const { op } = program[at] as Program[number];
        if (outcome.how === (ENDS[op] ?? 'done')) counted.set(op, (counted.get(op) ?? 0) + 1);
        if (outcome.how !== 'failed') continue;
        for (const [what, says] of Object.entries(RUN_OUT)) if (says.test(outcome.message)) ranOut.set(what, (ranOut.get(what) ?? 0) + 1);
      }
    });
    expect(OPERATION_KINDS.length).toBeGreaterThanOrEqual(20);
    expect([...counted].filter(([, count]) => count < 3)).toEqual([]);
    expect([...ranOut].filter(([, count]) => count < 2)).toEqual([]);
  }, 60_000);

  test('those of I1 to I11 that are true between steps hold between any two steps of each operation', () => {
    hold({ between: true }, 24);
  }, 60_000);

  test('crossings of all of them go along the declared layers (I12, R22)', () => {
    const machine = new ProgramMachine({ tables: TABLES[0] as Tables });
    fc.assert(fc.property(programs, (program) => {
      for (const operation of program) perform(machine, operation);
    }), { numRuns: 10 });
    const { crossings } = machine.subject.history.operations;
    expect(crossings.size).toBeGreaterThan(30);
    expect(layerRules(machine.subject, declaredLayers())).toEqual([]);
  }, 60_000);
});

/** Breaks the chip by hand, which the domain has one of for all its interrupts: shutting down only masks. */
function forgetsToWipe(machine: ProgramMachine): void {
  perform(machine, { op: 'arm', device: 0, vector: 1 });
  const chip = machine.host.core.desc(machine.desc(0, 0)?.virq ?? 0)?.state.data?.chip;
  if (chip?.irqMask === undefined) throw new Error('no chip');
  Object.assign(chip, { irqShutdown: chip.irqMask });
}

describe('a rule that is broken', () => {
  test('is found, and what is printed is short and does it again when it is pasted', () => {
    const failure = thrownBy(() => hold({ sabotage: forgetsToWipe }, 200));
    const [why = '', ...lines] = failure.trim().split('\n');
    expect(why).toMatch(/^\/\/ I(?:6|10): .*entry \d+ .*holds .*pasidEnable 1/);
    const text = lines.filter((each) => !each.startsWith('//')).join('\n');
    expect(text.split('\n').length).toBeLessThanOrEqual(8);
    const pasted = (sabotage?: RunOptions['sabotage']) => runInNewContext(text, {
      TABLES,
      runProgram: (program: Program, options: RunOptions) => runProgram(program, { ...options, ...(sabotage === undefined ? {} : { sabotage }) }),
    }) as ReturnType<typeof runProgram>;
    expect(pasted(forgetsToWipe).violations[0]).toContain('holds');
    expect(pasted().violations).toEqual([]);
  }, 60_000);

  test('the program in the README is one', () => {
    const [, text = ''] = /```ts\n(runProgram[^]*?)```/.exec(readFileSync(new URL('../README.md', import.meta.url), 'utf8')) ?? [];
    const { outcomes, violations } = runInNewContext(text, { runProgram, TABLES }) as ReturnType<typeof runProgram>;
    expect([outcomes.map(({ how }) => how), violations]).toEqual([['done', 'done', 'done', 'done', 'done'], []]);
  });

  test('nobody says anything of a program in which all is well', () => {
    expect(() => hold({}, 3)).not.toThrow();
  });
});

function thrownBy(body: () => void): string {
  try {
    body();
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
  throw new Error('nothing was thrown');
}
