// How a command fails: one line that names the cause, and a status that is not 0.
import { GuestError } from '@siov/guest-harness';

/** The cause is the user's to mend: wrong arguments, a missing file. */
export class UsageError extends Error {
  override readonly name = 'UsageError';
}

/** The line for the user. Anything that is no known cause of failure is ours, and shows where it came from. */
export function explain(error: unknown): string {
  if (error instanceof UsageError || error instanceof GuestError) return error.message;
  if (error instanceof Error) return error.stack ?? error.message;
  return String(error);
}
