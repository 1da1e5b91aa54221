import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { agentsOf, mermaid, svg } from '../src/diagram.ts';
import type { Sequence } from '../src/diagram.ts';

const trap: Sequence = {
  title: 'One trap',
  order: ['VC0', 'QM', 'VC0/host'],
  steps: [
    { agent: 'VC0', text: 'write a;b <#1>', wakes: 'VC0/host' },
    { agent: 'VC0/host', text: 'SET_IRQS', marked: true },
    { agent: 'DEV', text: 'MSI' },
  ],
};

test('lanes are in the order asked for, then as agents appear; who does nothing has none', () => {
  expect(agentsOf(trap)).toEqual(['VC0', 'VC0/host', 'DEV']);
});

test('Mermaid: participants by id, arrows and notes, what has a meaning there as entities', () => {
  expect(mermaid(trap)).toBe(`---
title: "One trap"
---
sequenceDiagram
  participant a0 as VC0
  participant a1 as VC0/host
  participant a2 as DEV
  a0->>a1: 1 write a#59;b #60;#35;1#62;
  rect rgb(255, 220, 220)
  Note over a1: 2 SET_IRQS
  end
  Note over a2: 3 MSI
`);
});

describe('SVG', () => {
  /** Tags that are open at the end, and texts: enough of an XML parser for what is written here. */
  function parse(text: string): { texts: string[]; open: string[] } {
    const open: string[] = [];
    const texts: string[] = [];
    for (const [, close, name, empty, body] of text.matchAll(/<(\/?)([a-zA-Z]+)(?:\s[^<>]*?)?(\/?)>([^<]*)/gu)) {
      if (close === '/') expect(open.pop()).toBe(name);
      else if (empty !== '/') open.push(name ?? '');
      if (name === 'text' && close === '') texts.push(body ?? '');
    }
    return { open, texts };
  }

  test('a title, a head for each lane, and a number and a text for each step', () => {
    expect(parse(svg(trap))).toEqual({ open: [], texts: ['One trap', 'VC0', 'VC0/host', 'DEV', '1', 'write a;b &lt;#1&gt;', '2', 'SET_IRQS', '3', 'MSI'] });
    expect(svg(trap).match(/marker-end/gu)).toHaveLength(1);
  });

  test('whatever the texts are it is well-formed, and everything is inside', () => {
    const name = fc.string({ unit: 'binary-ascii', maxLength: 12 });
    const steps = fc.array(fc.record({ agent: name, text: name, wakes: name, marked: fc.boolean() }, { requiredKeys: ['agent', 'text'] }), { maxLength: 12 });
    fc.assert(fc.property(steps, (made) => {
      const text = svg({ steps: made });
      expect(parse(text).open).toEqual([]);
      const [, width = 0, height = 0] = (/width="(\d+)" height="(\d+)"/u.exec(text) ?? []).map(Number);
      for (const [, x, y] of text.matchAll(/<circle cx="(\d+)" cy="([\d.]+)"/gu)) expect(Number(x) < width && Number(y) < height).toBe(true);
    }));
  });

  test('without steps it is empty, and still a picture', () => {
    expect(parse(svg({ steps: [] }))).toEqual({ open: [], texts: [] });
  });
});
