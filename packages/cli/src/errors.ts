// How a command fails: one line that names the cause, and a status that is not 0.
import type { Command } from 'commander';
import { GuestError } from '@siov/guest-harness';

/** The cause is the user's to mend: wrong arguments, a missing file. */
export class UsageError extends Error {
  override readonly name: string = 'UsageError';
}

/** The same of a command whose status 1 is a verdict: it ends with 2. */
export class WrongUsage extends UsageError {
  override readonly name = 'WrongUsage';
}

/** Of a command whose status 1 is a verdict: what commander finds wrong with its arguments ends with 2, too. */
export function verdictCommand(command: Command): Command {
  return command.exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : 2));
}

export function statusOfError(error: unknown): number {
  return error instanceof WrongUsage ? 2 : 1;
}

/** The line for the user. Anything that is no known cause of failure is ours, and shows where it came from. */
export function explain(error: unknown): string {
  if (error instanceof UsageError || error instanceof GuestError) return error.message;
  if (error instanceof Error) return error.stack ?? error.message;
  return String(error);
}
