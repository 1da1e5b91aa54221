// docs/requirements.md: for each demand the tests that show it and the lines that keep it, as links.
import type { Demand } from './demands.ts';
import type { Evidence, Place } from './scan.ts';

const BEGIN = '<!-- requirements:begin -->';
const END = '<!-- requirements:end -->';

const link = ({ file, line }: Place) => `[${file.replace('packages/', '')}:${line}](../${file}#L${line})`;
const escaped = (text: string) => text.replaceAll('<', '&lt;').replaceAll('|', '\\|');

function section({ number, text, note }: Demand, { tests, code }: Evidence): string {
  const lines = [`### R${number}: ${text}`, ''];
  if (note !== undefined) lines.push(`${note}.`, '');
  if (tests.length > 0) lines.push('Tests:', '', ...tests.map((place) => `- ${link(place)} ${escaped(place.text)}`), '');
  if (code.length > 0) lines.push(`Code: ${code.map(link).join(', ')}`, '');
  return lines.join('\n');
}

/** Demands that nothing shows although something has to. */
export function unshown(demands: readonly Demand[], evidence: ReadonlyMap<number, Evidence>): string[] {
  return demands.flatMap(({ number, note }) => {
    const { tests, code } = evidence.get(number) ?? { tests: [], code: [] };
    if (note !== undefined) return [];
    return [...(tests.length === 0 ? [`R${number}: no test is named after it`] : []), ...(code.length === 0 ? [`R${number}: no line of code names it`] : [])];
  });
}

/** The page with what is between the marks made anew. Throws when the marks are not there. */
export function renew(page: string, demands: readonly Demand[], evidence: ReadonlyMap<number, Evidence>): string {
  const [begin, end] = [page.indexOf(BEGIN), page.indexOf(END)];
  if (begin < 0 || end < begin) throw new Error(`the page has no ${BEGIN} ... ${END}`);
  const made = demands.map((demand) => section(demand, evidence.get(demand.number) ?? { tests: [], code: [] }));
  return `${page.slice(0, begin + BEGIN.length)}\n\n${made.join('\n')}\n${page.slice(end)}`;
}

/** Two pages that differ only in line numbers say the same. */
export function same(a: string, b: string): boolean {
  const bare = (page: string) => page.replaceAll(/:\d+\]/g, ':]').replaceAll(/#L\d+\)/g, '#L)');
  return bare(a) === bare(b);
}
