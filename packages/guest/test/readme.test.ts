// The examples of the README, each run in a process of its own. They compose machines, so that they can be run only where
// the machines are.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const packages = new URL('../..', import.meta.url).pathname;
const examples = [...readFileSync(`${packages}/guest/README.md`, 'utf8').matchAll(/```ts\n([^]*?)```/g)].map(([, code]) => code ?? '');

test.each([
  ['in a guest', 0, ['1 interrupt, byte 7']],
  ['on a host', 1, ['PASID 1 status 1 byte 7 after 1 interrupt', '0 interrupts are left']],
] as const)('the example %s runs and prints what it should', async (_name, index, lines) => {
  const args = ['--conditions=@siov/source', '--input-type=module-typescript', '--eval', examples[index] ?? ''];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: `${packages}/scenarios`, timeout: 20_000 });
  expect(stdout.trimEnd().split('\n')).toEqual(lines);
  expect(examples).toHaveLength(2);
});
