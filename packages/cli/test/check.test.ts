import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseTraceFile } from '@siov/explore';
import { select } from '../src/check/selection.ts';
import { loadModule } from '../src/check/user-module.ts';
import { WrongUsage } from '../src/errors.ts';
import { example, userProject } from './own-flow.ts';
import { siov, startSiov } from './siov.ts';

let folder = '';
beforeAll(() => {
  folder = userProject();
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('siov check', () => {
  test('a window in both designs: rows in the order of the list, the refuted design with what it shows and its counterexample, and status 0', async () => {
    const file = join(folder, 'leave.json');
    const { status, stdout, stderr } = await siov(['check', '--window', 'leave', '--trace-out', file]);
    expect([status, stderr]).toEqual([0, '']);
    const rows = stdout.split('\n').filter((line) => /^(?:host|mdev)/u.test(line));
    expect(rows.map((row) => row.split(/ {2,}/u))).toEqual([
      ['host', 'review', 'leave', ...figures(), 'proved'],
      ['mdev', 'review', 'leave', 'dynamic', ...figures(), 'proved'],
      ['mdev-vsvm', 'review', 'leave', 'dynamic', ...figures(), 'proved'],
      ['mdev-vsvm', 'v6', 'leave', 'dynamic', ...figures(), 'refuted as expected: I2, I5, I6, I10'],
    ]);
    expect(stdout).toContain('4 of 4 checks are as expected');
    expect(stdout).toContain('every schedule of its agents was covered');
    expect(stdout).toMatch(/\d+ more checks are of other VMM policies: --vmm all/u);
    expect(stdout).toMatch(/The refutation: O5: [^]*model +v6: mdev-vsvm\/leave \(dynamic\)[^]*ims -> hw: write32[^]*replay +siov replay /u);
    expect(Math.max(...stdout.split('\n').map((line) => line.length))).toBeLessThanOrEqual(140);
    const written = parseTraceFile(readFileSync(file, 'utf8'));
    expect(written).toMatchObject({ ok: true, value: { source: { model: 'v6: mdev-vsvm/leave (dynamic)' }, counterexample: { steps: expect.any(Array) } } });
    expect(existsSync(join(folder, 'leave.v6-mdev-vsvm-leave-dynamic-I10-entry-0.json'))).toBe(true);
  });

  test.each([
    ['json', (text: string) => expect(JSON.parse(text)).toMatchObject({ kind: 'siov check', asExpected: true, checks: [{ name: 'host/leave', verdict: 'proved', report: { coverage: { complete: true } } }] })],
    ['sarif', (text: string) => expect(JSON.parse(text)).toMatchObject({ version: '2.1.0', runs: [{ results: [] }] })],
    ['junit', (text: string) => expect(text).toMatch(/^<\?xml[^]*<testsuite name="host\/leave" tests="\d+" failures="0"[^]*<\/testsuites>\n$/u)],
  ])('--format %s prints that and nothing else', async (format, looks) => {
    const { status, stdout } = await siov(['check', 'host', '--window', 'leave', '--format', format, '--workers', '1']);
    expect(status).toBe(0);
    looks(stdout);
  });

  test('a limit ends with what was covered, says so, and has status 1', async () => {
    const { status, stdout } = await siov(['check', 'mdev', '--window', 'submit', '--seconds', '0.2', '--workers', '1']);
    expect(status).toBe(1);
    expect(stdout).toContain('INCOMPLETE: no proof: the limit of time left');
    expect(stdout).toContain('0 of 1 check is as expected');
  });

  test('SIGINT ends with what is known so far', async () => {
    const running = startSiov(['check', 'host', 'mdev', '--window', 'leave,submit,mask', '--workers', '2']);
    await running.printed('proved');
    running.child.kill('SIGINT');
    const { status, stdout } = await running.ended;
    expect(status).toBe(1);
    expect(stdout).toMatch(/INCOMPLETE: no proof: an interruption left|not run/u);
    expect(stdout).toMatch(/of 6 checks are as expected/u);
  });

  test('--list says what is done and expected, and checks nothing', async () => {
    const { status, stdout } = await siov(['check', 'mdev-vsvm', '--window', 'leave', '--list']);
    expect(status).toBe(0);
    expect(stdout).toContain('nothing of it is left (1 device, 1 CPU a guest, 2 vectors a device)');
    expect(stdout).toContain('refuted: I2, I5, I6, I10; O5: free_irq()');
  });

  test.each([
    ['an unknown scenario', ['ghost'], 'siov: scenario ghost: there are host, mdev, mdev-vsvm, or the path of a module with models (./my-flow.ts)'],
    ['an unknown option', ['--fast'], "error: unknown option '--fast'"],
    ['a limit that is none', ['--seconds', 'soon'], 'siov: --seconds soon: not a number above 0'],
    ['a folder that is not there', ['--trace-out', '/nowhere/t.json'], 'siov: cannot write the trace to /nowhere/t.json: ENOENT'],
  ])('%s is refused with status 2', async (_what, args, message) => {
    const { status, stdout, stderr } = await siov(['check', ...args]);
    expect([status, stdout]).toEqual([2, '']);
    expect(stderr).toContain(message);
  });

  test.each([
    ['an unknown window', [], { window: ['leave', 'attic'] }, '--window attic: there are submit, set-up,'],
    ['an unknown policy', [], { vmm: ['lazy'] }, '--vmm lazy: there are dynamic, incremental, highest-unmasked, all-at-enable, all'],
    ['a combination that is no check', ['host'], { design: 'v6' }, '--design v6: no check is all of that'],
    ['a check of another policy', [], { design: 'v6', window: ['grow'], vmm: ['dynamic'] }, 'there is one under incremental: give --vmm'],
    ['a module that is not there', ['./ghost.ts'], {}, './ghost.ts: there is no such file'],
  ] as const)('%s is wrong usage', async (_what, names, options, message) => {
    const refused = select(names, { design: 'all', ...options });
    await expect(refused).rejects.toThrow(WrongUsage);
    await expect(refused).rejects.toThrow(message);
  });
});

describe('siov check of a user’s module', () => {
  test('the example of the documentation has at most 30 lines and does what it says; replay finds the module again from anywhere', async () => {
    expect(example().trim().split('\n').length).toBeLessThanOrEqual(30);
    const file = join(folder, 'afterwards.json');
    const { status, stdout, stderr } = await siov(['check', join(folder, 'my-flow.ts'), '--trace-out', file]);
    expect([status, stderr]).toEqual([0, '']);
    expect(stdout).toMatch(/^my-flow\.ts +id first .*proved$/mu);
    expect(stdout).toMatch(/^my-flow\.ts +id afterwards .*refuted as expected: the id is meant$/mu);
    expect(stdout).toContain('broken    it fires with id 0');
    const replayed = await siov(['replay', file]);
    expect([replayed.status, replayed.stdout]).toEqual([0, expect.stringContaining('the same end: it fires with id 0')]);
  });

  test('what nobody expected is shown first, with status 1, in SARIF with its file', async () => {
    const path = join(folder, 'surprise.ts');
    writeFileSync(path, example().replace(/export const expected.*/u, "export const expected = { 'id first': { 'the id is meant': 'refuted' } };"));
    const { status, stdout } = await siov(['check', path]);
    expect(status).toBe(1);
    expect(stdout).toMatch(/UNEXPECTED\n.*the id is meant: proved, expected to be refuted/u);
    expect(stdout).toMatch(/the id is meant: refuted, expected to be proved/u);
    expect(stdout).toContain('Nobody expected this counterexample');
    const log = await siov(['check', path, '--format', 'sarif']);
    expect([log.status, (JSON.parse(log.stdout) as { runs: { results: unknown[] }[] }).runs[0]?.results]).toMatchObject([1, [{ ruleId: 'the id is meant' }, { ruleId: 'the id is meant' }]]);
  });

  test.each([
    ['no model', 'export const flow = 1;', 'exports no model'],
    ['a model without name', 'export const model = { make() {} };', 'model 1 is none: a model has a name'],
    ['a model that makes nothing', "export default { name: 'idle' };", 'model 1 (idle) is none: a model has a function make'],
    ['two of a name', "const model = { name: 'twin', make() {} }; export const models = [model, model];", 'two models have the name twin'],
    ['an expectation of no model', "export const model = { name: 'one', make() {} }; export const expected = { two: {} };", 'expected.two: there is no such model; there are one'],
    ['an outcome that is none', "export const model = { name: 'one', make() {} }; export const expected = { one: { it: 'maybe' } };", 'it maybe: an outcome is one of proved, refuted, not refuted'],
    ['a mistake of syntax', 'export const model = {', 'cannot load'],
  ])('%s is wrong usage', async (what, text, message) => {
    const path = join(folder, `${what.replaceAll(' ', '-')}.mjs`);
    writeFileSync(path, text);
    const refused = loadModule(path);
    await expect(refused).rejects.toThrow(WrongUsage);
    await expect(refused).rejects.toThrow(message);
  });

  test('a model that throws fails alone', async () => {
    const path = join(folder, 'throws.mjs');
    writeFileSync(path, "export const model = { name: 'broken', make() { throw new Error('no machine today'); } };");
    const { status, stdout } = await siov(['check', path]);
    expect([status, stdout]).toEqual([1, expect.stringMatching(/FAILED: .*no machine today/u)]);
  });
});

function figures(): unknown[] {
  return [...Array.from({ length: 3 }, () => expect.stringMatching(/^[\d,]+$/u) as unknown), expect.stringMatching(/^[\d.]+ s$/u)];
}
