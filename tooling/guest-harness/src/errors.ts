// One error class for the whole harness: the code is for programs, the first line of the message for people.

/** What went wrong, as a word a program can branch on. */
export type GuestErrorCode =
  | 'ASSETS' // QEMU, kernel or busybox missing; the message says how to get them
  | 'ARCHIVE' // the Debian archive could not be found, read or trusted
  | 'UNPACK' // a package or image is not in a form we can read
  | 'KERNEL' // a kernel given by path cannot be used
  | 'COMPILER' // no C compiler, or it refused the test module
  | 'SOCKET' // the vfio-user socket cannot be used
  | 'QEMU' // QEMU could not be started, or ended when it should not have
  | 'PANIC' // the guest kernel panicked
  | 'TIMEOUT' // a time limit passed
  | 'USAGE'; // a value from the caller that cannot work

/** An error of the harness. `message` has its cause in the first line; a console tail may follow below it. */
export class GuestError extends Error {
  readonly code: GuestErrorCode;

  constructor(code: GuestErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = 'GuestError';
    this.code = code;
  }
}

/** The first line of whatever was thrown, for putting it into a one-line reason. */
export function causeOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split('\n', 1)[0] ?? text;
}
