import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { run } from '../src/cli.ts';
import { writeYard } from './fixture.ts';

interface Outcome {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function layers(cwd: string, ...args: string[]): Outcome {
  const out: string[] = [];
  const err: string[] = [];
  const code = run(args, { cwd, out: (text) => out.push(text), err: (text) => err.push(text) });
  return { code, out: out.join('\n'), err: err.join('\n') };
}

const BROKEN = { 'packages/walls/src/new.ts': "import '@yard/roof';\n", 'packages/shed/src/new.ts': "import '@yard/ground/deep';\n" };

describe('layers check', () => {
  test('a clean workspace: one line, exit 0, from any folder in it', () => {
    const root = writeYard();
    const line = 'layers: 5 packages, 13 imports, 0 violations';
    expect(layers(root, 'check')).toEqual({ code: 0, out: line, err: '' });
    expect(layers(join(root, 'packages/roof/src'), 'check').out).toBe(line);
    expect(layers('/', 'check', '--config', join(root, 'layers.json')).out).toBe(line);
  });

  test('violations: grouped by package, with file, line, column and code; exit 1', () => {
    expect(layers(writeYard(BROKEN), 'check')).toEqual({
      code: 1,
      err: '',
      out: [
        'walls',
        '  packages/walls/src/new.ts:1:8  L1  "@yard/roof": walls may not import roof: upward, roof stands on walls. Y1: walls are finished before anybody thinks of a roof. walls may import: ground.',
        '',
        'shed',
        '  packages/shed/src/new.ts:1:8  L2  "@yard/ground/deep": ground does not export "./deep". Import "@yard/ground"; what is missing there, ground has to export.',
        '',
        'layers: 5 packages, 15 imports, 2 violations',
      ].join('\n'),
    });
  });

  test('as JSON', () => {
    const { code, out } = layers(writeYard(BROKEN), 'check', '--json');
    expect(code).toBe(1);
    expect(JSON.parse(out)).toMatchObject({ packages: 5, imports: 15, violations: [{ package: 'walls', code: 'L1', line: 1 }, { package: 'shed', code: 'L2' }] });
  });

  test('a broken declaration: every problem, exit 2', () => {
    const { code, out, err } = layers(writeYard({ 'packages/moat/package.json': {}, 'packages/dyke/package.json': {} }), 'check');
    expect([code, out]).toEqual([2, '']);
    expect(err).toMatch(/^layers: layers\.json: 2 problems\n {2}packages\/dyke .*\n {2}packages\/moat /);
  });

  test('no workspace, no such option, no command: exit 2; help: exit 0', () => {
    expect(layers('/', 'check').code).toBe(2);
    expect(layers(writeYard(), 'check', '--fast').code).toBe(2);
    expect(layers('/').code).toBe(2);
    expect(layers('/', '--help').code).toBe(0);
  });
});

describe('layers table', () => {
  const TABLE = [
    '| package | is | may import |',
    '|---|---|---|',
    '| `ground` | the ground | - |',
    '| `walls` | the walls | ground |',
    '| `shed` | the shed | ground |',
    '| `kit` | the kit | ground |',
    '| `roof` | the roof | walls; in tests kit |',
  ].join('\n');
  const STALE = '# Yard\n\n<!-- layers:begin -->\nold\n<!-- layers:end -->\n\nMore.\n';
  const FRESH = `# Yard\n\n<!-- layers:begin -->\n\n${TABLE}\n\n<!-- layers:end -->\n\nMore.\n`;

  test('prints the rows in their order', () => {
    expect(layers(writeYard(), 'table')).toEqual({ code: 0, out: TABLE, err: '' });
  });

  test('finds a document out of date, brings it up to date, and is then content', () => {
    const root = writeYard({ 'README.md': STALE });
    const stale = layers(root, 'table', '--check', 'README.md');
    expect([stale.code, stale.err]).toEqual([1, 'layers: the table in README.md is out of date; run "layers table --write README.md"']);
    expect(readFileSync(join(root, 'README.md'), 'utf8')).toBe(STALE);
    expect(layers(root, 'table', '--write', 'README.md').code).toBe(0);
    expect(readFileSync(join(root, 'README.md'), 'utf8')).toBe(FRESH);
    expect(layers(root, 'table', '--check', 'README.md').code).toBe(0);
  });

  test.each(['no markers', '<!-- layers:end --><!-- layers:begin -->', `${STALE}${STALE}`])('a document without one pair of markers is left alone: %j', (text) => {
    const root = writeYard({ 'README.md': text });
    expect(layers(root, 'table', '--check', 'README.md').code).toBe(2);
    expect(layers(root, 'table', '--write', 'README.md').code).toBe(2);
    expect(readFileSync(join(root, 'README.md'), 'utf8')).toBe(text);
    writeFileSync(join(root, 'README.md'), STALE);
    expect(layers(root, 'table', '--check', 'missing.md').code).toBe(2);
  });
});
