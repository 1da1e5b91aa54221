// What `siov guest` prints at its end, and its status.
import { GuestError } from '@siov/guest-harness';
import type { CommandResult } from '@siov/guest-harness';
import { figuresText } from './guest-figures.ts';
import type { DeviceFigures } from './guest-figures.ts';

/** What came of it all, for printing. */
export interface Outcome {
  readonly result: CommandResult | GuestError;
  readonly kernel: string;
  readonly copied: Copied | null;
}

export interface Copied {
  /** The DMA client's own words. */
  readonly said: readonly string[];
  readonly figures: readonly DeviceFigures[];
}

/** As timeout(1) ends when the command did not. */
const TIMED_OUT = 124;

export function statusOf({ result }: Outcome, left: readonly string[]): number {
  if (result instanceof GuestError) return TIMED_OUT;
  return result.status === 0 && left.length > 0 ? 1 : result.status;
}

export function printOutcome({ result, kernel, copied }: Outcome, left: readonly string[], json: boolean): void {
  const timedOut = result instanceof GuestError;
  if (json) {
    const said = timedOut ? { status: null, timedOut, message: result.message } : { status: result.status, stdout: result.stdout, stderr: result.stderr };
    const copies = copied === null ? {} : { copies: copied.said.join('\n'), devices: copied.figures };
    process.stdout.write(`${JSON.stringify({ ...said, kernel, ...copies, left })}\n`);
    return;
  }
  if (copied !== null) process.stdout.write(copied.figures.length === 1 ? `${copied.said.join('\n')}\n` : figuresText(copied.figures));
  if (timedOut) process.stderr.write(`siov: ${result.message}\n`);
  else {
    process.stdout.write(result.stdoutBytes);
    process.stderr.write(result.stderrBytes);
  }
  if (left.length > 0) process.stderr.write(`siov: the host does not hold what it held before the guest: ${left.join(', ')}\n`);
}

/** `name after (before)` for what is not as it was. */
export function differences(before: Readonly<Record<string, number>>, after: Readonly<Record<string, number>>): string[] {
  return Object.entries(after).flatMap(([name, count]) => (count === before[name] ? [] : [`${name} ${count} (${before[name]})`]));
}
