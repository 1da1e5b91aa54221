// A generated model as text that can be read where a test fails, and the names that points and properties have.
import type { Body, Claim, Condition, Instruction, Program } from './program.ts';

export const cellName = (cell: number): string => 'abcd'.charAt(cell);

export function conditionText(condition: Condition): string {
  switch (condition.is) {
    case 'cell': return `${cellName(condition.cell)} = ${condition.equals}`;
    case 'word': return `words[${condition.word}] = ${condition.equals}`;
    case 'same': return `${cellName(condition.cells[0])} = ${cellName(condition.cells[1])}`;
    case 'entries': return `map has ${condition.equals} entries`;
    case 'entry': return `map has ${condition.key}`;
    case 'queued': return `queue has ${condition.equals}`;
    case 'kept': return `kept ${condition.key} = ${condition.equals}`;
    case 'held': return `lock${condition.lock} is held`;
    case 'not': return `not (${conditionText(condition.of)})`;
    case 'both': return `${conditionText(condition.of[0])} and ${conditionText(condition.of[1])}`;
  }
}

/** The head of an instruction that has a body. */
export function instructionText(instruction: Instruction): string {
  switch (instruction.op) {
    case 'read': return `r := ${cellName(instruction.cell)}`;
    case 'write': return `${cellName(instruction.cell)} := ${instruction.value}`;
    case 'load': return `r := words[${instruction.word}]`;
    case 'store': return `words[${instruction.word}] := ${instruction.value}`;
    case 'insert': return `map[${instruction.key}] := ${instruction.value}`;
    case 'delete': return `delete map[${instruction.key}]`;
    case 'look up': return `r := map[${instruction.key}]`;
    case 'count entries': return 'r := entries of map';
    case 'push': return `push ${instruction.value}`;
    case 'shift': return 'r := shift';
    case 'keep': return `keep[${instruction.key}] := ${instruction.value}`;
    case 'wait': return `wait until ${conditionText(instruction.until)}`;
    case 'poll': return `poll until ${cellName(instruction.cell)} = ${instruction.equals}`;
    case 'throw': return `throw if r = ${instruction.equals}`;
    case 'if': return `if r = ${instruction.equals}`;
    case 'repeat': return `repeat ${instruction.times} times`;
    case 'forever': return 'forever';
    case 'lock': return `with lock${instruction.lock}`;
    case 'spawn': return `spawn${instruction.daemon ? ' daemon' : ''}`;
  }
}

export function claimText(claim: Claim): string {
  if (claim.kind !== 'responds') return `${claim.kind}: ${conditionText(claim.holds)}`;
  return `${conditionText(claim.asked)} leads to ${conditionText(claim.answered)}${claim.within === null ? '' : ` within ${claim.within}`}`;
}

export function programText({ cells, agents, claims }: Program): string {
  const heads = agents.map(({ daemon, body }, index) => [`agent ${index}${daemon ? ' (daemon)' : ''}:`, ...bodyLines(body)].join('\n'));
  return ['', cells.map((value, cell) => `${cellName(cell)} = ${value}`).join(', '), ...heads, ...claims.map(claimText)].join('\n');
}

function bodyLines(body: Body): string[] {
  return body.flatMap((instruction) => {
    const silent = 'silent' in instruction && instruction.silent ? ' (silent)' : '';
    const inner = 'body' in instruction ? bodyLines(instruction.body) : [];
    return [`  ${instructionText(instruction)}${silent}`, ...inner.map((line) => `  ${line}`)];
  });
}
