// A running guest: boot it, run commands in it, give it files, end it.
import type { BootOptions } from './boot-options.ts';
import { checkBootOptions, vfioUserSockets } from './boot-options.ts';
import { GuestError } from '../errors.ts';
import { buildInitramfs } from '../image/initramfs.ts';
import { AgentChannel, type AgentReply } from './agent-channel.ts';
import { qemuArguments } from './command-line.ts';
import { ConsoleLog } from './console-log.ts';
import { type QemuExit, QemuProcess } from './qemu-process.ts';
import { checkVfioUserSocket } from './vfio-user-socket.ts';

/** What a command did. `status` is its exit status, 128 + n for a signal n. The bytes are exact, the strings UTF-8. */
export interface CommandResult {
  readonly status: number;
  readonly stdout: string;
  readonly stderr: string;
  readonly stdoutBytes: Buffer;
  readonly stderrBytes: Buffer;
}

/** A kernel module to load: the image of one built by `buildTestModule`, or any other. */
export interface ModuleImage {
  readonly name: string;
  readonly image: Uint8Array;
}

const BOOT_MS = 90_000;
const COMMAND_MS = 60_000;
const SHUTDOWN_MS = 15_000;

/** A guest that is up. Its commands run one after the other. Use it with `await using`, or call `shutdown`. */
export class Guest {
  /** The kernel's release, as it says itself. */
  readonly release: string;
  /** Milliseconds from starting QEMU to the agent's first word. */
  readonly bootMs: number;
  /** Resolves when QEMU is gone, however that came about. */
  readonly exited: Promise<QemuExit>;
  readonly #qemu: QemuProcess;
  readonly #channel: AgentChannel;

  private constructor(qemu: QemuProcess, channel: AgentChannel, release: string, bootMs: number) {
    this.#qemu = qemu;
    this.#channel = channel;
    this.release = release;
    this.bootMs = bootMs;
    this.exited = qemu.exited;
  }

  /**
   * Boots a guest and waits until it takes commands. Throws GuestError, its cause in the first line: USAGE, SOCKET,
   * QEMU (could not be started, or ended, with what it said), PANIC or TIMEOUT (with the console's tail). No process
   * is left behind in any of these cases.
   */
  static async boot(options: BootOptions): Promise<Guest> {
    checkBootOptions(options);
    for (const path of vfioUserSockets(options)) await checkVfioUserSocket(path);
    const { assets, timeoutMs = BOOT_MS } = options;
    const image = await buildInitramfs(assets, options.files);
    const started = performance.now();
    const log = new ConsoleLog(options.onConsole);
    const qemu = await QemuProcess.start(assets.qemu.command, qemuArguments(options), image, log);
    const channel = new AgentChannel(qemu.agent);
    void qemu.exited.then(() => channel.close(qemu.failure('during the boot')));
    endOnAbort(options.signal, qemu, channel);
    const timer = setTimeout(() => {
      channel.close(new GuestError('TIMEOUT', qemu.withTail(`the guest did not come up within ${timeoutMs / 1000} s`)));
    }, timeoutMs);
    try {
      const release = await channel.ready;
      return new Guest(qemu, channel, release, Math.round(performance.now() - started));
    } catch (error) {
      await qemu.kill();
      throw error;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Process id of QEMU. */
  get pid(): number | undefined {
    return this.#qemu.pid;
  }

  /** The last lines of the console. */
  consoleTail(lines?: number): string[] {
    return this.#qemu.console.tail(lines);
  }

  /**
   * Runs a shell script (busybox sh) and waits for it. When `timeoutMs` (default 60,000) passes, everything it started
   * is killed and TIMEOUT is thrown with what it had printed; the guest stays usable. A guest that does not even
   * answer to that is killed. Throws QEMU or PANIC when the guest ends meanwhile.
   */
  async run(script: string, { timeoutMs = COMMAND_MS }: { readonly timeoutMs?: number } = {}): Promise<CommandResult> {
    const reply = await this.#request({ verb: 'run', data: Buffer.from(script) }, timeoutMs);
    const result = toResult(reply);
    if (!reply.timedOut) return result;
    const said = [result.stdout, result.stderr].map((text) => text.trim()).filter((text) => text !== '').join('\n');
    throw new GuestError('TIMEOUT', `the command did not end within ${timeoutMs / 1000} s${said ? `; it printed:\n${said}` : ''}`);
  }

  /** Like `run`, but returns stdout, and throws USAGE with the command's stderr when the status is not 0. */
  async sh(script: string, options: { readonly timeoutMs?: number } = {}): Promise<string> {
    const { status, stdout, stderr } = await this.run(script, options);
    if (status === 0) return stdout;
    throw new GuestError('USAGE', `the guest's shell ended with status ${status}: ${stderr.trim() || stdout.trim() || script.trim()}`);
  }

  /** Writes a file, making its folders. Throws USAGE when the guest cannot. */
  async upload(path: string, bytes: Uint8Array, { timeoutMs = COMMAND_MS }: { readonly timeoutMs?: number } = {}): Promise<void> {
    const { status, stderr } = await this.#request({ verb: 'put', data: bytes, path }, timeoutMs);
    if (status !== 0) throw new GuestError('USAGE', `cannot write ${path} in the guest: ${stderr.toString().trim()}`);
  }

  /** Reads a file, sysfs and procfs included. Throws USAGE when it cannot be read. */
  async download(path: string, options: { readonly timeoutMs?: number } = {}): Promise<Buffer> {
    const { status, stdoutBytes, stderr } = await this.run(`cat -- '${path.replaceAll("'", "'\\''")}'`, options);
    if (status !== 0) throw new GuestError('USAGE', `cannot read ${path} in the guest: ${stderr.trim()}`);
    return stdoutBytes;
  }

  /**
   * Loads a stock module by name with its dependencies, or an image of one's own, with module parameters like
   * `copies=10`. The status is insmod's: 0, or the kernel's errno modulo 256.
   */
  async insmod(module: string | ModuleImage, parameters: readonly string[] = [], options: { readonly timeoutMs?: number } = {}): Promise<CommandResult> {
    const words = parameters.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ');
    const target = typeof module === 'string' ? module : `/modules/own/${module.name}.ko`;
    if (typeof module !== 'string') await this.upload(target, module.image);
    return this.run(`modload '${target}' ${words}`, options);
  }

  /** The kernel's log since the boot. */
  async dmesg(): Promise<string> {
    return this.sh('dmesg');
  }

  /** Powers the guest off and waits until QEMU is gone; after 15 s it is killed. Safe to call twice. */
  async shutdown(): Promise<void> {
    if (this.#qemu.exit) return;
    const timer = setTimeout(() => void this.kill(), SHUTDOWN_MS);
    try {
      await this.#channel.request({ verb: 'off', data: Buffer.alloc(0) }, SHUTDOWN_MS).catch(() => undefined);
      await this.exited;
    } finally {
      clearTimeout(timer);
    }
  }

  /** Ends QEMU at once and waits until it is gone. */
  async kill(): Promise<void> {
    this.#channel.close(new GuestError('QEMU', 'the guest was killed'));
    await this.#qemu.kill();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.shutdown();
  }

  async #request(request: Parameters<AgentChannel['request']>[0], timeoutMs: number): Promise<AgentReply> {
    try {
      return await this.#channel.request(request, timeoutMs);
    } catch (error) {
      if (this.#qemu.exit) throw this.#qemu.failure('during a command');
      if (!(error instanceof GuestError) || error.code !== 'TIMEOUT') throw error;
      await this.kill();
      throw new GuestError('TIMEOUT', this.#qemu.withTail(error.message), { cause: error });
    }
  }
}

/** Holds no reference to the guest once it is gone. */
function endOnAbort(signal: AbortSignal | undefined, qemu: QemuProcess, channel: AgentChannel): void {
  if (signal === undefined) return;
  const end = () => {
    channel.close(new GuestError('QEMU', 'the guest was interrupted'));
    void qemu.kill();
  };
  if (signal.aborted) return end();
  signal.addEventListener('abort', end, { once: true });
  void qemu.exited.then(() => signal.removeEventListener('abort', end));
}

function toResult({ status, stdout, stderr }: AgentReply): CommandResult {
  return { status, stdout: stdout.toString(), stderr: stderr.toString(), stdoutBytes: stdout, stderrBytes: stderr };
}
