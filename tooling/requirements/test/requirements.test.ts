import { describe, expect, test } from 'vitest';
import { renew, same, unshown } from '../src/page.ts';
import { codeIn, numbersIn, testsIn } from '../src/scan.ts';

describe('finding what names a demand', () => {
  test('tests by their names, of every kind of literal and modifier', () => {
    const source = ["test('R5, R6: refused', () => {});", 'describe.each([1])(`R7 of %s`, () => {', '  test.skip("it’s R9: \\"x\\"", () => {});', "test('nothing', () => { expect('R3'); });"].join('\n');
    expect(testsIn('a.test.ts', source)).toEqual([
      { file: 'a.test.ts', line: 1, text: 'R5, R6: refused' },
      { file: 'a.test.ts', line: 2, text: 'R7 of %s' },
      { file: 'a.test.ts', line: 3, text: 'it’s R9: "x"' },
    ]);
    expect(numbersIn('R5, R6: refused; not AR7 nor R100')).toEqual([5, 6]);
  });

  test('code by its comments, not by its strings', () => {
    const source = ['/** Read from the device (R10). */', "const a = 'R9'; // R23", ' * more of R11', 'const R4 = 1;'].join('\n');
    expect(codeIn('a.ts', source).map(({ line }) => line)).toEqual([1, 2, 3]);
  });
});

describe('the page', () => {
  const demands = [{ number: 1, text: 'one' }, { number: 2, text: 'two', note: 'later' }];
  const place = { file: 'packages/a/test/a.test.ts', line: 3, text: 'R1: a|b' };
  const page = 'before\n<!-- requirements:begin -->\nold\n<!-- requirements:end -->\nafter\n';

  test('names what nothing shows, unless it is for later', () => {
    expect(unshown(demands, new Map())).toEqual(['R1: no test is named after it', 'R1: no line of code names it']);
    expect(unshown(demands, new Map([[1, { tests: [place], code: [place] }]]))).toEqual([]);
  });

  test('is made anew between its marks, and differs where a test came or went, not where lines moved', () => {
    const made = renew(page, demands, new Map([[1, { tests: [place], code: [] }]]));
    expect(made).toContain('before\n');
    expect(made).toContain('- [a/test/a.test.ts:3](../packages/a/test/a.test.ts#L3) R1: a\\|b');
    expect(made).not.toContain('old');
    expect(same(made, renew(page, demands, new Map([[1, { tests: [{ ...place, line: 9 }], code: [] }]])))).toBe(true);
    expect(same(made, renew(page, demands, new Map()))).toBe(false);
    expect(() => renew('nothing', demands, new Map())).toThrow(/has no <!-- requirements:begin -->/);
  });
});
