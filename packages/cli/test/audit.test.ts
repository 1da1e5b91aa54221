import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { siov } from './siov.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'siov-audit-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('siov audit', () => {
  test('a run of the review’s design holds every rule, and a permission that comes late is named with its line', async () => {
    const trace = join(folder, 'vsvm.trace');
    await siov(['run', 'mdev-vsvm', '--copies', '64', '--trace', trace]);
    const { status, stdout } = await siov(['audit', trace]);
    expect(status).toBe(0);
    expect(stdout).toMatch(/: \d+ crossings between layers, 1 entry of the message store written$/mu);
    expect(stdout).toMatch(/^I2 +held +15 {2}only layer ims writes entries/mu);
    expect(stdout).toMatch(/\nNo rule is broken\.\n$/u);
    const lines = readFileSync(trace, 'utf8').split('\n');
    const permission = lines.findIndex((line) => line.includes('"MSIXPERM[1]"'));
    const started = lines.findIndex((line) => line.includes('"irq_startup"'));
    const late = [...lines.slice(0, permission), ...lines.slice(permission + 1, started + 3), lines[permission], ...lines.slice(started + 3)];
    writeFileSync(join(folder, 'late.trace'), late.join('\n'));
    const found = await siov(['audit', join(folder, 'late.trace')]);
    expect(found.status).toBe(1);
    expect(found.stdout).toMatch(new RegExp(`^line ${late.indexOf(lines[permission]) + 1}, .* VC0/host: vfio > idxd register_write register=MSIXPERM\\[1\\]`, 'mu'));
    expect(found.stdout).toContain('"Setting MSIXPERM _after_ request_irq() completed is just wrong"');
  });

  test('a run of the refuted design breaks them, also for programs', async () => {
    const trace = join(folder, 'v6.trace');
    await siov(['run', 'mdev-vsvm', '--design', 'v6', '--copies', '64', '--trace', trace]);
    const { status, stdout } = await siov(['audit', trace, '--json']);
    expect(status).toBe(1);
    const { findings } = JSON.parse(stdout) as { findings: { rule: string; line: number; agent: string; operation: string }[] };
    expect(findings.find(({ rule }) => rule === 'R14')).toMatchObject({ agent: 'VC0/host', operation: 'write32', values: { register: 'IMS[0].CONTROL', value: 0x2008 } });
    expect(new Set(findings.map(({ rule }) => rule))).toEqual(new Set(['I1', 'I2', 'I6', 'I7', 'I12', 'R14', 'R18', 'R20', 'R23']));
  });

  test.each([
    ['a file that is not there', () => '/nowhere/trace', 'cannot read /nowhere/trace: ENOENT'],
    ['a file of something else', () => '/etc/hostname', 'line 1: '],
    ['an empty file', () => '/dev/null', '/dev/null holds no crossings'],
  ])('%s is refused with status 2', async (_what, path, message) => {
    const { status, stderr } = await siov(['audit', path()]);
    expect([status, stderr]).toEqual([2, expect.stringContaining(message)]);
  });
});
