// A sequence as Mermaid text, for Markdown that renders it.
import { agentsOf } from './sequence.ts';
import type { Sequence } from './sequence.ts';

/** A `sequenceDiagram`, with the number of each step; a marked step is in a red frame. */
export function mermaid(sequence: Sequence): string {
  const agents = agentsOf(sequence);
  const id = (agent: string) => `a${agents.indexOf(agent)}`;
  return [
    ...(sequence.title === undefined ? [] : ['---', `title: ${JSON.stringify(sequence.title)}`, '---']),
    'sequenceDiagram',
    ...agents.map((agent) => `  participant ${id(agent)} as ${escape(agent)}`),
    ...sequence.steps.flatMap(({ agent, text, wakes, marked = false }, index) => {
      const said = escape(`${index + 1} ${text}`);
      const line = wakes === undefined ? `  Note over ${id(agent)}: ${said}` : `  ${id(agent)}->>${id(wakes)}: ${said}`;
      return marked ? ['  rect rgb(255, 220, 220)', line, '  end'] : [line];
    }),
    '',
  ].join('\n');
}

/** A semicolon ends a statement, a hash begins an entity, angle brackets are HTML. */
function escape(text: string): string {
  return text.replaceAll(/[#;<>]/gu, (each) => `#${each.codePointAt(0)};`).replaceAll(/\s+/gu, ' ');
}
