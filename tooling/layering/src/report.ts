// The report as text: grouped by package, one line per violation that an editor can open.
import type { Report } from './check.ts';
import type { Violation } from './violation.ts';

export function formatReport({ packages, imports, violations }: Report): string {
  const groups = Map.groupBy(violations, (violation) => violation.package);
  const blocks = [...groups].map(([name, group]) => [name, ...[...group].sort(byPlace).map(formatViolation), ''].join('\n'));
  return [...blocks, `layers: ${packages} packages, ${imports} imports, ${violations.length} violations`].join('\n');
}

function formatViolation({ file, line, column, code, specifier, message }: Violation): string {
  return `  ${file}:${line}:${column}  ${code}  ${specifier === undefined ? '' : `"${specifier}": `}${message}`;
}

function byPlace(a: Violation, b: Violation): number {
  if (a.file !== b.file) return a.file < b.file ? -1 : 1;
  return a.line - b.line || a.column - b.column;
}
