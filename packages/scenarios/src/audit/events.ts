// A recorded trace as it comes from a file: one JSON object a line, each a crossing between two layers.
import { fail, ok } from '@siov/base';
import type { Result, TraceEvent } from '@siov/base';

/** A crossing and the line of the file it is in, from 1 on. */
export interface AuditEvent extends TraceEvent {
  readonly line: number;
}

/** `EINVAL`: a line is no JSON object, or lacks what every crossing has. Empty lines are left out. */
export function auditEvents(text: string): Result<readonly AuditEvent[], 'EINVAL'> {
  const events: AuditEvent[] = [];
  for (const [index, content] of text.split('\n').entries()) {
    if (content.trim() === '') continue;
    const event = parse(content);
    if (typeof event === 'string') return fail('EINVAL', `line ${index + 1}: ${event}`);
    events.push({ ...event, line: index + 1 });
  }
  return ok(events);
}

/** For a trace that was never written: lines are counted as if it had been. */
export function withLines(events: readonly TraceEvent[]): AuditEvent[] {
  return events.map((event, index) => ({ ...event, line: index + 1 }));
}

function parse(content: string): TraceEvent | string {
  let json: unknown;
  try {
    json = JSON.parse(content);
  } catch {
    return `${shown(content)} is no JSON`;
  }
  if (typeof json !== 'object' || json === null || Array.isArray(json)) return `${shown(content)} is no crossing: it has to be an object`;
  const event = json as Readonly<Record<string, unknown>>;
  if (typeof event['time'] !== 'number') return `time: ${shown(JSON.stringify(event['time']))} is no number of nanoseconds`;
  for (const name of ['agent', 'from', 'to', 'operation']) if (typeof event[name] !== 'string') return `${name}: ${shown(JSON.stringify(event[name]))} is no text`;
  const { values } = event;
  if (typeof values !== 'object' || values === null || Array.isArray(values)) {
    return `values: ${shown(JSON.stringify(values))} is no object`;
  }
  return json as TraceEvent;
}

function shown(text: string | undefined): string {
  if (text === undefined) return 'nothing';
  return text.length > 60 ? `${text.slice(0, 60)}...` : text;
}
