// The examples in the READMEs of idxd, guest, explore and this package, each run in a process of its own. They compose machines, so
// that they can be run only from here.
import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const packages = new URL('../..', import.meta.url).pathname;

const SETUPS = ['irq_write_msi_msg', 'irq_startup', 'irq_shutdown'];

test.each([
  ['idxd', ['dsa0-mdev0 PASID 1 { ok: true, value: { index: 2, count: 2, flags: 1 } }']],
  ['guest', ['1 interrupt, byte 7']],
  ['explore', ['model     two adders', 'property  counted', 'broken    1 of 2 are counted']],
  ['scenarios', ['3 interrupts for 2101249 bytes', 'nothing is left', 'VC0/host: vmm > vfio SET_IRQS']],
])('the example in the README of %s runs and prints what it should', async (name, lines) => {
  const example = /```ts\n([^]*?)```/.exec(readFileSync(`${packages}/${name}/README.md`, 'utf8'))?.[1] ?? '';
  const args = ['--conditions=@siov/source', '--input-type=module-typescript', '--eval', example];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: `${packages}/scenarios`, timeout: 20_000 });
  expect(stdout.split('\n').slice(0, lines.length)).toEqual(lines);
  if (name === 'scenarios') for (const setup of SETUPS) expect(stdout).toContain(`VC0/host: irq > ims ${setup}`);
});
