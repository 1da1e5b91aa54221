// siov audit TRACE: the ordering rules of the review, held against what crossed between layers in a recorded run.
import { readFileSync } from 'node:fs';
import type { Command } from 'commander';
import { audit, auditEvents } from '@siov/scenarios';
import type { Audit, AuditEvent, Finding } from '@siov/scenarios';
import { wrapped } from '../check/result-table.ts';
import { verdictCommand, WrongUsage } from '../errors.ts';
import { layersOfManifests } from '../layers.ts';
import { describeEvent } from '../timeline.ts';

/** Findings that are printed: what comes after the first is often a consequence. */
const SHOWN = 20;

export function addAudit(program: Command): void {
  verdictCommand(program.command('audit'))
    .description('hold a recorded trace against the rules of the review: who writes entries, when, with which id, in which order')
    .argument('<trace>', 'what siov run, siov guest or siov serve wrote with --trace')
    .option('--json', 'print one JSON object: what was looked at, how often each rule applied, what breaks one')
    .addHelpText('after', '\nStatus: 0 no rule is broken; 1 one is; 2 there is nothing to audit.')
    .action(run);
}

function run(path: string, options: { readonly json?: true }): void {
  const found = audit(read(path), { layers: layersOfManifests() });
  process.stdout.write(options.json === true ? `${JSON.stringify(plain(found))}\n` : textOf(path, found));
  if (found.findings.length > 0) process.exitCode = 1;
}

/** Throws {@link WrongUsage}. */
function read(path: string): readonly AuditEvent[] {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (error) {
    throw new WrongUsage(`cannot read ${path}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`, { cause: error });
  }
  const events = auditEvents(text);
  if (!events.ok) throw new WrongUsage(`${path}: ${events.message}`);
  if (events.value.length === 0) throw new WrongUsage(`${path} holds no crossings`);
  return events.value;
}

function textOf(path: string, { events, entries, rules, findings }: Audit): string {
  const rows = rules.map(({ rule, applied, broken }) => {
    const verdict = broken > 0 ? `BROKEN ${broken}` : applied > 0 ? 'held' : 'not applied';
    return `${rule.id.padEnd(4)} ${verdict.padEnd(12)} ${String(applied).padStart(7)}  ${rule.says}`;
  });
  const broken = findings.slice(0, SHOWN).flatMap((finding) => ['', ...findingText(finding)]);
  const more = findings.length > SHOWN ? ['', `${findings.length - SHOWN} more are in --json.`] : [];
  const end = findings.length === 0 ? ['', 'No rule is broken.'] : [];
  const what = `${path}: ${events} crossings between layers, ${entries} ${entries === 1 ? 'entry' : 'entries'} of the message store written`;
  return `${[what, '', `rule ${'verdict'.padEnd(12)} applied`, ...rows, ...broken, ...more, ...end].join('\n')}\n`;
}

function findingText({ rule, event, why }: Finding): string[] {
  const { line, time, agent, from, to } = event;
  return [
    `line ${line}, ${(time / 1e6).toFixed(3)} ms, ${agent}: ${from} > ${to} ${describeEvent(event)}`,
    ...wrapped(`breaks ${rule.id}, ${rule.says}: ${why}`, 136).map((each) => `    ${each}`),
    `    "${rule.review}"`,
  ];
}

function plain({ events, entries, rules, findings }: Audit): unknown {
  return {
    events,
    entries,
    rules: rules.map(({ rule: { id, says, review }, applied, broken }) => ({ id, says, review, applied, broken })),
    findings: findings.map(({ rule, event, why }) => ({ rule: rule.id, why, ...event })),
  };
}
