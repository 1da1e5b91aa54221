import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { userProject } from './own-flow.ts';
import { siov } from './siov.ts';

let folder = '';
let file = '';
beforeAll(async () => {
  folder = userProject();
  file = join(folder, 'leave.json');
  await siov(['check', 'mdev-vsvm', '--design', 'v6', '--window', 'leave', '--trace-out', file]);
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('siov replay', () => {
  test('the same steps have the same end; a step is shown with what it reads and writes, and a debugger may be there', async () => {
    const { status, stdout } = await siov(['replay', file, '--step', '1', '--break']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^model +v6: mdev-vsvm\/leave \(dynamic\)$/mu);
    expect(stdout).toMatch(/^step 1: \S.*, \w+: /mu);
    expect(stdout).toMatch(/\nthe same end: I\d+: .*\n$/u);
  });

  test('--full shows every step with its cells', async () => {
    const { status, stdout } = await siov(['replay', file, '--full']);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^ +step +kind +what it does +cell +value, or before -> after$/mu);
  });

  test('the first step that is another one is named, with status 1', async () => {
    const edited = join(folder, 'edited.json');
    writeFileSync(edited, readFileSync(file, 'utf8').replace(/"after":(?:\d+|true|false|\[[^\]]*\])/u, '"after":"elsewhere"'));
    const { status, stdout } = await siov(['replay', edited]);
    expect(status).toBe(1);
    expect(stdout).toMatch(/^Step \d+ of \d+ is another one: .* becomes .*, and became "elsewhere"$/mu);
  });

  test('the same steps with another end are told, with status 1', async () => {
    const edited = join(folder, 'end.json');
    writeFileSync(edited, readFileSync(file, 'utf8').replace(/"violation": ".*"/u, '"violation": "I99: the moon"'));
    const { status, stdout } = await siov(['replay', edited]);
    expect([status, stdout]).toEqual([1, expect.stringMatching(/All \d+ steps are the same, and the end is another one: I\d+: .*; it was: I99: the moon/u)]);
  });

  test.each([
    ['a file that is not there', () => ['/nowhere/t.json'], 'cannot read /nowhere/t.json: ENOENT'],
    ['a file of something else', () => [join(folder, 'my-flow.ts')], 'trace file: no JSON'],
    ['a step that is not there', () => [file, '--step', '5000'], '--step 5000: the schedule has'],
    ['a module without the model', () => [file, '--module', join(folder, 'my-flow.ts')], 'has no model v6: mdev-vsvm/leave (dynamic); it has id first, id afterwards'],
  ])('%s is refused with status 2', async (_what, args, message) => {
    const { status, stderr } = await siov(['replay', ...args()]);
    expect([status, stderr]).toEqual([2, expect.stringContaining(message)]);
  });

  test('a model that is no more is named', async () => {
    const edited = join(folder, 'gone.json');
    writeFileSync(edited, readFileSync(file, 'utf8').replaceAll('mdev-vsvm/leave', 'mdev-vsvm/attic'));
    expect(await siov(['replay', edited])).toMatchObject({ status: 2, stderr: expect.stringContaining('there is no model v6: mdev-vsvm/attic (dynamic)') as unknown });
  });
});
