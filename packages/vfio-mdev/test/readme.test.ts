import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = new URL('..', import.meta.url).pathname;
const [device = '', user = ''] = [...readFileSync(`${root}/README.md`, 'utf8').matchAll(/```ts\n([^]*?)```/g)].map(([, code]) => code ?? '');

test('a device of one’s own, from the README alone, takes under 60 lines', () => {
  expect(device.trimEnd().split('\n').length).toBeLessThan(60);
});

test('the example in the README runs and prints what it says', async () => {
  const args = ['--conditions=@siov/source', '--input-type=module-typescript', '--eval', `${device}\n${user}`];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, timeout: 20_000 });
  expect(stdout.trimEnd().split('\n')).toEqual(['{ ok: true, value: 0 }', 'a bad write: 1, timer 1: 1, timer 2: 2', 'true 0 true']);
  for (const line of stdout.trimEnd().split('\n')) expect(user).toContain(`// ${line}\n`);
});
