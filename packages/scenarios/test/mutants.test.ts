// The explorer against mistakes: each mutant of the list is found, with the property that it breaks and a counterexample that
// can be read. `MUTANTS_TABLE=1` prints what was found.
import { spawn } from 'node:child_process';
import { readFileSync } from 'node:fs';
import * as nodeModule from 'node:module';
import { fileURLToPath } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import type { Found } from './mutants/child.ts';
import { MUTANTS } from './mutants/list.ts';
import { REPOSITORY, timesIn } from './mutants/mutant.ts';
import type { Mutant } from './mutants/mutant.ts';

/** A counterexample that a person can follow has at most so many steps, or so many changes between agents. */
const READABLE = 60;
/** Children at a time: each searches on one core. */
const CHILDREN = 2;
/** Module hooks that run in the thread that loads: Node 22.15. */
const canMutate = 'registerHooks' in nodeModule;

const file = (name: string) => fileURLToPath(new URL(`mutants/${name}`, import.meta.url));
const table: string[] = [];
const waiting: (() => void)[] = [];
let running = 0;

/** What `body` gives, with at most {@link CHILDREN} of them at a time. */
async function inTurn<T>(body: () => Promise<T>): Promise<T> {
  if (running === CHILDREN) await new Promise<void>((resolve) => waiting.push(resolve));
  else running += 1;
  try {
    return await body();
  } finally {
    const next = waiting.shift();
    if (next === undefined) running -= 1;
    else next();
  }
}

function run(mutant: Mutant): Promise<Found> {
  const args = ['--conditions=@siov/source', '--import', file('hook.ts'), file('run-mutant.ts'), JSON.stringify(mutant)];
  // Without the options of the process that tests run in.
  const child = spawn(process.execPath, args, { cwd: REPOSITORY, env: { ...process.env, NODE_OPTIONS: '' } });
  const text = { out: '', err: '' };
  child.stdout.on('data', (data: Buffer) => (text.out += data.toString()));
  child.stderr.on('data', (data: Buffer) => (text.err += data.toString()));
  return new Promise((resolve, reject) => {
    child.on('error', reject);
    child.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(text.out) as Found);
      else reject(new Error(`${mutant.name}: the child ended with ${code}\n${text.err}`));
    });
  });
}

function row({ name, file: changed, check }: Mutant, { refuted, steps, turns, seconds }: Found): string {
  const cells = [name, changed.replace('packages/', ''), check, refuted.join(', '), steps, turns, seconds.toFixed(1)];
  return `| ${cells.join(' | ')} |`;
}

describe('mutants', () => {
  it('are of texts that are there, once', () => {
    const wrong = MUTANTS.filter((mutant) => timesIn(readFileSync(REPOSITORY + mutant.file, 'utf8'), mutant.from) !== 1);
    expect(wrong.map((mutant) => `${mutant.name}: ${mutant.file}`)).toEqual([]);
  });

  it('have names of their own', () => {
    const names = MUTANTS.map((mutant) => `${mutant.file}: ${mutant.name}`);
    expect(new Set(names).size).toBe(names.length);
  });
});

describe.skipIf(!canMutate)('the explorer finds', { concurrent: true }, () => {
  for (const mutant of MUTANTS) {
    it(`${mutant.name} (${mutant.file})`, async ({ expect: found }) => {
      const result = await inTurn(() => run(mutant));
      table.push(row(mutant, result));
      const expected = typeof mutant.finds === 'string' ? [mutant.finds] : mutant.finds;
      const refuted = `refuted: ${result.refuted.join(', ') || 'nothing'}: ${result.violation}`;
      found(expected, `${mutant.why}\n${refuted}`).toContain(result.refuted[0]);
      found(result.steps <= READABLE || result.turns <= READABLE, `${result.steps} steps in ${result.turns} turns`).toBe(true);
    });
  }

  afterAll(() => {
    if (process.env['MUTANTS_TABLE'] === undefined) return;
    const head = '| mutant | file | check | refuted | steps | turns | s |\n|---|---|---|---|---|---|---|';
    process.stdout.write(`${head}\n${table.toSorted().join('\n')}\n`);
  });
});
