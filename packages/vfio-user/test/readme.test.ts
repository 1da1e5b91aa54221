import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';
import { ServerHarness } from './server-harness.ts';

const root = new URL('..', import.meta.url).pathname;

test('the client example of the README runs, in a process of its own', async () => {
  const harness = new ServerHarness();
  const example = /^import \{ must \}[^]*?(?=^```)/m.exec(readFileSync(`${root}/README.md`, 'utf8'))?.[0] ?? '';
  const code = example.replace('/tmp/device.sock', harness.socketPath);
  const args = ['--conditions=@siov/source', '--input-type=module-typescript', '--eval', code];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, timeout: 20_000 });
  expect(stdout).toBe('interrupts: 1\n');
  harness.stop();
});
