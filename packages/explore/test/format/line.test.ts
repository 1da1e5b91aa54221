import { expect, test } from 'vitest';
import fc from 'fast-check';
import { counted, cut, padTo, printable, widthOf, wrap } from '../../src/format/line.ts';
import { anyText } from './arbitraries.ts';

test('what is cut leaves a mark in the middle, and both ends', () => {
  expect(cut('abcdefghij', 10)).toBe('abcdefghij');
  expect(cut('abcdefghijk', 10)).toBe('abcde…hijk');
  expect(cut('😀😀😀😀', 3)).toBe('😀…😀');
  expect(cut('abc', 1)).toBe('…');
});

test('what a terminal obeys or nobody sees is written out', () => {
  expect(printable('a\u001b[31mb')).toBe(String.raw`a\u{1b}[31mb`);
  expect(printable('a\u202eb\u200bc')).toBe(String.raw`a\u{202e}b\u{200b}c`);
  expect(printable('a\r\n\tb')).toBe('a b');
  expect(printable('a\ud800')).toBe('a\ufffd');
});

test('lines are broken at spaces, long words anywhere', () => {
  expect(wrap('one two three', 7)).toEqual(['one two', 'three']);
  expect(wrap('abcdefghij', 4)).toEqual(['abcd', 'efgh', 'ij']);
  expect(wrap('', 4)).toEqual(['']);
});

test('nothing but spaces is lost, and no line is too long', () => {
  fc.assert(
    fc.property(anyText, fc.integer({ min: 1, max: 40 }), (text, width) => {
      const lines = wrap(text, width);
      expect(lines.every((line) => widthOf(line) <= width)).toBe(true);
      expect(lines.join('').replaceAll(' ', '')).toBe(printable(text).replaceAll(' ', ''));
      expect(widthOf(cut(printable(text), width))).toBeLessThanOrEqual(width);
    }),
  );
});

test('columns and numbers', () => {
  expect(padTo('😀', 3)).toBe('😀  ');
  expect(counted(1, 'step')).toBe('1 step');
  expect(counted(1234, 'step')).toBe('1,234 steps');
});
