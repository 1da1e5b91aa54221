import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { parseControl, parseRelations } from '../src/debian/control.ts';

const TEXT = `Package: a
Version: 1:2-3
Description: first line
 second line
 .
# a comment
Depends: b

Package: c
Depends:
 d,
 e (>= 1)


`;

describe('parseControl', () => {
  test('stanzas are separated by blank lines and keep their order', () => {
    expect([...parseControl(TEXT)].map((stanza) => stanza.get('Package'))).toEqual(['a', 'c']);
  });

  test('continuation lines belong to their field', () => {
    const [a, c] = [...parseControl(TEXT)];
    expect(a?.get('Description')).toBe('first line\nsecond line\n.');
    expect(a?.get('Depends')).toBe('b');
    expect(c?.get('Depends')).toBe('\nd,\ne (>= 1)');
  });

  test('a field nobody asked for takes its continuation lines with it', () => {
    const [a] = [...parseControl(TEXT, ['version', 'Depends'])];
    expect(a && [...a]).toEqual([['version', '1:2-3'], ['Depends', 'b']]);
  });

  test('fields survive writing and reading', () => {
    const name = fc.stringMatching(/^[A-Z][A-Za-z0-9-]{0,12}$/);
    const value = fc.stringMatching(/^[!-~][ -~]{0,30}[!-~]$/);
    fc.assert(
      fc.property(fc.array(fc.dictionary(name, value, { minKeys: 1, maxKeys: 6 }), { maxLength: 5 }), (stanzas) => {
        const text = stanzas.map((s) => Object.entries(s).map(([k, v]) => `${k}: ${v}\n`).join('')).join('\n');
        expect([...parseControl(text)].map((s) => Object.fromEntries(s))).toEqual(stanzas.map((s) => ({ ...s })));
      }),
    );
  });
});

describe('parseRelations', () => {
  test('versions, architectures and profiles are dropped, alternatives keep their order', () => {
    expect(parseRelations('libc6 (>= 2.38), a:any | b [amd64] | c <!nocheck>, d (= 1:2~bpo)')).toEqual([['libc6'], ['a', 'b', 'c'], ['d']]);
  });

  test('a missing or empty field is no relation', () => {
    expect(parseRelations(undefined)).toEqual([]);
    expect(parseRelations(' , ')).toEqual([]);
  });
});
