import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = new URL('..', import.meta.url).pathname;

test('the example in the README runs and prints what it says', async () => {
  const example = /```ts\n([^]*?)```/.exec(readFileSync(`${root}/README.md`, 'utf8'))?.[1] ?? '';
  const args = ['--conditions=@siov/source', '--input-type=module-typescript', '--eval', example];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, timeout: 20_000 });
  expect(stdout.split('\n').map((line) => line.trimEnd()).filter((line) => line !== '')).toEqual([
    'irq 16',
    '           CPU0',
    ' 16:          1  ONE-dev0   0-edge      demo',
    'demo true',
  ]);
});
