import { readFileSync } from 'node:fs';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { explains, judge, parseExplanations } from '../src/explained.ts';
import { textAt } from '../src/mutant.ts';
import type { Mutant } from '../src/mutant.ts';
import { report, score } from '../src/report.ts';

const survivor: Mutant = {
  file: 'packages/a/src/b.ts', line: 7, mutator: 'StringLiteral', source: "return fail('EINVAL', `no ${x}`);", original: '`no ${x}`', replacement: '``', status: 'Survived',
};
const killed: Mutant = { ...survivor, status: 'Killed' };
const explanation = { file: 'packages/a/src/*.ts', mutator: 'StringLiteral', source: '^return fail', original: '^`', replacement: '^``$', reason: 'the wording of a message is nobody’s contract' };

describe('explanations', () => {
  it('fit only when every part fits', () => {
    expect(explains(explanation, survivor)).toBe(true);
    const others = [{ file: 'packages/b/src/*.ts' }, { mutator: 'BooleanLiteral' }, { source: '^throw' }, { original: '^"' }, { replacement: 'x' }];
    for (const other of others) expect(explains({ ...explanation, ...other }, survivor)).toBe(false);
  });

  it('sort every missed mutant into explained or not, and none twice', () => {
    const status = fc.constantFrom('Killed', 'Timeout', 'Survived', 'NoCoverage', 'RuntimeError');
    const file = fc.constantFrom('packages/a/src/b.ts', 'packages/c/src/b.ts');
    fc.assert(fc.property(fc.array(fc.record({ status, file })), (changes) => {
      const mutants = changes.map((change) => ({ ...survivor, ...change }));
      const { explained, unexplained } = judge(mutants, [explanation]);
      const missed = mutants.filter(({ status }) => status === 'Survived' || status === 'NoCoverage');
      expect(explained.map(({ mutant }) => mutant)).toEqual(missed.filter(({ file }) => file.startsWith('packages/a/')));
      expect(unexplained).toEqual(missed.filter(({ file }) => file.startsWith('packages/c/')));
    }));
  });

  it('that nothing needs any more are named, unless their files were not mutated', () => {
    expect(judge([killed], [explanation]).idle).toEqual([explanation]);
    expect(judge([survivor], [explanation]).idle).toEqual([]);
    expect(judge([{ ...killed, file: 'packages/z/src/z.ts' }], [explanation]).idle).toEqual([]);
  });

  it('are refused without a reason, without saying what they mean, or with a broken expression', () => {
    const { source: _source, original: _original, replacement: _replacement, ...vague } = explanation;
    for (const broken of [{ ...explanation, reason: '' }, vague, { ...explanation, source: '(' }, { ...explanation, line: 7 }]) {
      expect(() => parseExplanations(JSON.stringify([broken]))).toThrow();
    }
    expect(parseExplanations(JSON.stringify([explanation]))).toEqual([explanation]);
  });

  it('in the file are well formed', () => {
    expect(() => parseExplanations(readFileSync(new URL('../explained.json', import.meta.url), 'utf8'))).not.toThrow();
  });
});

describe('the report', () => {
  it('counts what could not be tried neither way', () => {
    expect(score([killed, killed, killed, survivor])).toBe(75);
    expect(score([killed, { ...survivor, status: 'RuntimeError' }])).toBe(100);
    expect(score([{ ...survivor, status: 'NoCoverage' }, { ...killed, status: 'Timeout' }])).toBe(50);
  });

  it('names file, line and change of each survivor, the unexplained ones last', () => {
    const other = { ...survivor, file: 'packages/c/src/b.ts', status: 'NoCoverage' };
    const mutants = [other, survivor, killed];
    const [head, first, second, ...rest] = report('packages/a', mutants, judge(mutants, [explanation]));
    expect(head).toBe('packages/a: 33.3 % (1 of 3 mutants noticed; 1 survivors explained, 1 not)');
    expect(first).toBe('  explained  packages/a/src/b.ts:7: `no ${x}` -> `` (StringLiteral): the wording of a message is nobody’s contract');
    expect(second).toBe('  SURVIVED   packages/c/src/b.ts:7: `no ${x}` -> `` (StringLiteral, which no test runs)');
    expect(rest).toEqual([]);
  });
});

it('says what could not be tried, and which explanations are idle', () => {
  const mutants: Mutant[] = [killed, { ...killed, status: 'RuntimeError' }, { ...survivor, file: 'packages/a/src/c.ts', original: 'x'.repeat(80) }];
  const [head, first, idle] = report('packages/a', mutants, judge(mutants, [explanation]));
  expect(head).toBe('packages/a: 50.0 % (1 of 2 mutants noticed; 0 survivors explained, 1 not; 1 could not be tried)');
  expect(first).toContain(`c.ts:7: ${'x'.repeat(69)}… -> \`\` (`);
  expect(idle).toBe(`  IDLE       an explanation for packages/a/src/*.ts explains nothing any more: ${explanation.reason}`);
});

describe('the text of a place', () => {
  it('is what the place covers, over one line or more', () => {
    const text = 'const a = 1;\n  if (a) {\n    b();\n  }\n';
    expect(textAt(text, { start: { line: 1, column: 7 }, end: { line: 1, column: 8 } })).toEqual({ source: 'const a = 1;', original: 'a' });
    expect(textAt(text, { start: { line: 2, column: 10 }, end: { line: 4, column: 4 } })).toEqual({ source: 'if (a) {', original: '{\n    b();\n  }' });
  });

  it('is the part of the text between its ends', () => {
    fc.assert(fc.property(fc.array(fc.stringMatching(/^[a-z ]{0,5}$/u), { minLength: 1 }), fc.nat(), fc.nat(), (lines, a, b) => {
      const text = lines.join('\n');
      const [from, to] = [a % (text.length + 1), b % (text.length + 1)].sort((x, y) => x - y) as [number, number];
      const place = (at: number) => ({ line: text.slice(0, at).split('\n').length, column: at - (at === 0 ? -1 : text.lastIndexOf('\n', at - 1)) });
      expect(textAt(text, { start: place(from), end: place(to) }).original).toBe(text.slice(from, to));
    }));
  });
});
