import { expect, test } from 'vitest';
import fc from 'fast-check';
import { junit } from '../../src/format/junit.ts';
import { counterexampleText } from '../../src/format/text.ts';
import { anyCounterexample, anyText } from './arbitraries.ts';
import { complete, lost, report } from './examples.ts';

interface Element {
  readonly name: string;
  readonly attributes: Readonly<Record<string, string>>;
  readonly children: Element[];
  text: string;
}

const ENTITIES: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"' };

function unescape(text: string): string {
  expect(text).not.toMatch(/[<>]|&(?!(?:amp|lt|gt|quot|#\d+);)/u);
  return text.replaceAll(/&(?:#(\d+)|(\w+));/gu, (_, code: string | undefined, name: string) =>
    code === undefined ? (ENTITIES[name] as string) : String.fromCodePoint(Number(code)),
  );
}

/** Reads what is written here and throws on what is not well-formed: tags in pairs, attributes once, text of XML's characters. */
function parse(xml: string): Element {
  expect(xml).toMatch(/^<\?xml version="1\.0" encoding="UTF-8"\?>\n/u);
  expect(xml).toMatch(/^[\t\n\r\u{20}-\u{d7ff}\u{e000}-\u{fffd}\u{10000}-\u{10ffff}]*$/u);
  const root: Element = { name: '', attributes: {}, children: [], text: '' };
  const open = [root];
  for (const [, tag, text = ''] of xml.slice(xml.indexOf('\n')).matchAll(/<([^<>]*)>|([^<>]+)/gu)) {
    const at = open.at(-1) as Element;
    if (tag === undefined) {
      at.text += unescape(text);
    } else if (tag.startsWith('/')) {
      expect(open.pop()?.name).toBe(tag.slice(1));
    } else {
      const [, name = '', attributes = '', empty] = /^([a-z-]+)((?: [a-z]+="[^"<>]*")*)(\/?)$/u.exec(tag) ?? [];
      expect(name).not.toBe('');
      const made: Element = {
        name,
        attributes: Object.fromEntries(
          [...attributes.matchAll(/ ([a-z]+)="([^"]*)"/gu)].map(([, key = '', value = '']) => [key, unescape(value)]),
        ),
        children: [],
        text: '',
      };
      at.children.push(made);
      if (empty === '') open.push(made);
    }
  }
  expect(open).toHaveLength(1);
  expect(root.children).toHaveLength(1);
  return root.children[0] as Element;
}

test('a suite a model, a case a property, a failure with the schedule where it is not as expected', () => {
  const suites = parse(junit([{ report, expected: { 'no agent throws': 'not refuted', 'was there': 'proved' } }]));
  expect(suites.attributes).toEqual({ name: '@siov/explore', tests: '4', failures: '2', time: '0.534' });
  const [suite] = suites.children;
  expect(suite?.attributes).toEqual({ name: report.model, tests: '4', failures: '2', errors: '0', skipped: '0', time: '0.534' });
  const [properties, deadlock, throws, seen, gone, output] = suite?.children ?? [];
  expect(properties?.children[0]?.attributes['value']).toContain('76,548 states');
  expect(deadlock).toMatchObject({ name: 'testcase', attributes: { name: 'no deadlock', classname: report.model }, children: [] });
  expect(throws?.children).toEqual([]);
  expect(seen?.children).toMatchObject([
    {
      name: 'failure',
      attributes: { message: `refuted, expected to be proved: ${lost.violation}`, type: 'refuted' },
      text: counterexampleText(lost),
    },
  ]);
  expect(gone?.children).toMatchObject([
    { name: 'failure', attributes: { type: 'missing' }, text: 'not in the report, expected to be proved' },
  ]);
  expect(output?.text).toContain('every completion is seen  refuted');
});

test('no reports are no suites', () => {
  expect(parse(junit([]))).toMatchObject({ attributes: { tests: '0', failures: '0' }, children: [] });
});

test('whatever the names and values are, it is well-formed and says them', () => {
  fc.assert(
    fc.property(anyText, anyCounterexample, (property, counterexample) => {
      const made = {
        model: counterexample.model,
        coverage: complete,
        verdicts: [{ property, outcome: 'refuted', counterexample }],
      } as const;
      const suites = parse(junit([{ report: made, expected: {} }]));
      const [, named] = suites.children[0]?.children ?? [];
      // What XML has no character for is replaced; everything else comes back, spaces and line ends too.
      const held = property.toWellFormed().replaceAll(/[^\t\n\r\u{20}-\u{fffd}\u{10000}-\u{10ffff}]/gu, '\u{fffd}');
      expect(named?.attributes['name']).toBe(held);
    }),
  );
});
