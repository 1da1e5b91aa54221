import { expect, test } from 'vitest';
import { valueText } from '../../src/format/value.ts';

test('values are as in code', () => {
  expect(valueText({ held: true, by: null, 'two words': [1, 2n, -0, 'a"b'] })).toBe(
    String.raw`{held: true, by: null, "two words": [1, 2n, -0, "a\"b"]}`,
  );
  expect(valueText(Number.NaN)).toBe('NaN');
  expect(valueText('\n\u009b')).toBe(String.raw`"\n\u{9b}"`);
});
