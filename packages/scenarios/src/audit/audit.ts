// A trace held against the rules: every event by every rule, with what the trace has told before it.
import type { Layers } from '../invariants/i12-layers.ts';
import type { AuditEvent } from './events.ts';
import { happeningOf } from './happenings.ts';
import { RULES } from './rules.ts';
import type { Rule } from './rules.ts';
import { AuditState, devicesOfAgents } from './state.ts';

export interface Finding {
  readonly rule: Rule;
  readonly event: AuditEvent;
  readonly why: string;
}

export interface Audit {
  readonly events: number;
  /** Entries of the store that are written. */
  readonly entries: number;
  /** How often each rule had something to say. */
  readonly rules: readonly { readonly rule: Rule; readonly applied: number; readonly broken: number }[];
  /** In the order of the trace. */
  readonly findings: readonly Finding[];
}

export interface AuditOptions {
  /** What each package may use; without it I12 is not looked at. */
  readonly layers?: Layers;
}

/** The trace has to begin before the interrupts that it tells of are set up: what was before is unknown here. */
export function audit(events: readonly AuditEvent[], { layers }: AuditOptions = {}): Audit {
  const state = new AuditState(devicesOfAgents(events));
  const findings: Finding[] = [];
  const applied = new Map<Rule, number>();
  for (const event of events) {
    const what = happeningOf(event);
    const returned = state.returned(event);
    for (const rule of RULES) {
      const why = rule.judge({ event, what, state, returned, layers: layers ?? null });
      if (why === undefined) continue;
      applied.set(rule, (applied.get(rule) ?? 0) + 1);
      if (why !== null) findings.push({ rule, event, why });
    }
    state.apply(event, what);
  }
  const broken = (rule: Rule) => findings.filter((finding) => finding.rule === rule).length;
  return { events: events.length, entries: state.entries.size, rules: RULES.map((rule) => ({ rule, applied: applied.get(rule) ?? 0, broken: broken(rule) })), findings };
}
