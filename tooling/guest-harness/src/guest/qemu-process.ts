// One QEMU process: started with the agent's socket and the image as inherited descriptors, watched to its end.
import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { closeSync, openSync, unlinkSync, writeSync } from 'node:fs';
import type { Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { which } from '../assets/qemu-probe.ts';
import { GuestError, causeOf } from '../errors.ts';
import type { ConsoleLog } from './console-log.ts';

const STDERR_LIMIT = 16 << 10;

/** How a QEMU ended. */
export interface QemuExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A running QEMU. */
export class QemuProcess {
  readonly console: ConsoleLog;
  /** Bytes to and from the agent. */
  readonly agent: Socket;
  /** Resolves when the process is gone and its output was read. Never rejects. */
  readonly exited: Promise<QemuExit>;
  readonly #child: ChildProcess;
  #stderr = '';
  #exit: QemuExit | undefined;

  private constructor(child: ChildProcess, console: ConsoleLog) {
    this.#child = child;
    this.console = console;
    this.agent = child.stdio[3] as Socket;
    this.agent.on('error', () => undefined); // a dead QEMU is reported by `exited`
    child.stdout?.on('data', (chunk: Buffer) => console.push(chunk));
    child.stderr?.on('data', (chunk: Buffer) => (this.#stderr = (this.#stderr + chunk.toString()).slice(-STDERR_LIMIT)));
    this.exited = new Promise((resolve) => {
      child.on('close', (code, signal) => {
        this.#exit = { code, signal };
        this.agent.destroy();
        resolve(this.#exit);
      });
    });
  }

  /** Starts QEMU. Throws QEMU when it cannot be executed. */
  static async start(command: string, args: readonly string[], initramfs: Uint8Array, console: ConsoleLog): Promise<QemuProcess> {
    const image = unlinkedFile(initramfs);
    try {
      const [program, ...words] = [...(await dieWithParent()), command, ...args];
      const child = spawn(program ?? command, words, { stdio: ['ignore', 'pipe', 'pipe', 'pipe', image] });
      const qemu = new QemuProcess(child, console);
      await new Promise<void>((resolve, reject) => {
        child.on('spawn', resolve);
        child.on('error', (error) => reject(new GuestError('QEMU', `cannot start ${command}: ${causeOf(error)}`, { cause: error })));
      });
      return qemu;
    } finally {
      closeSync(image);
    }
  }

  get pid(): number | undefined {
    return this.#child.pid;
  }

  get exit(): QemuExit | undefined {
    return this.#exit;
  }

  /** Ends the process at once and waits until it is gone. */
  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.exited;
  }

  /** Why it ended, as an error: a panic of the guest's kernel, or QEMU's own complaint. */
  failure(during: string): GuestError {
    const { panic } = this.console;
    if (panic !== undefined) return new GuestError('PANIC', this.withTail(`the guest kernel panicked ${during}: ${panic}`));
    const how = this.#exit?.signal ? `was killed by ${this.#exit.signal}` : `exited with status ${this.#exit?.code ?? '?'}`;
    const said = this.#stderr.trim().split('\n').at(-1)?.replace(/^\S*qemu-system-x86_64: /, '');
    return new GuestError('QEMU', this.withTail(`QEMU ${how} ${during}${said ? `: ${said}` : ''}`));
  }

  /** `message` with the console's tail below it. */
  withTail(message: string): string {
    const tail = this.console.tail();
    return tail.length > 0 ? `${message}\nlast lines of the guest's console:\n${tail.map((line) => `  ${line}`).join('\n')}` : message;
  }
}

/**
 * An open file without a name: whatever kills us, no image stays behind. QEMU reads it through /proc/self/fd.
 */
function unlinkedFile(bytes: Uint8Array): number {
  const path = join(tmpdir(), `siov-guest-${process.pid}-${randomBytes(6).toString('hex')}`);
  const file = openSync(path, 'wx+', 0o600);
  try {
    unlinkSync(path);
    for (let at = 0; at < bytes.length; ) at += writeSync(file, bytes, at);
    return file;
  } catch (error) {
    closeSync(file);
    throw error;
  }
}

/**
 * The words in front of QEMU that let the kernel end it with us, even when the guest no longer runs its agent (which
 * powers off when we vanish). util-linux has the tool on every distribution; without it the agent remains.
 */
async function dieWithParent(): Promise<string[]> {
  const setpriv = await which('setpriv', process.env.PATH);
  return setpriv ? [setpriv, '--pdeathsig', 'KILL', '--'] : [];
}
