// The host's C compiler, for freestanding objects only: no headers, no libraries, no linker scripts.
import { execFile } from 'node:child_process';
import { basename } from 'node:path';
import { promisify } from 'node:util';
import { which } from '../assets/qemu-probe.ts';
import { GuestError } from '../errors.ts';

const run = promisify(execFile);
const LIMIT_MS = 60_000;

const COMMON = ['-O2', '-std=gnu11', '-Wall', '-ffreestanding', '-fno-stack-protector', '-fcf-protection=none', '-fno-asynchronous-unwind-tables', '-fno-pic', '-fno-strict-aliasing'];

/** What the kernel's own build demands of code that runs in it. */
export const KERNEL_FLAGS = [...COMMON, '-c', '-mcmodel=kernel', '-mno-red-zone', '-mno-sse', '-mno-mmx', '-mno-80387', '-fno-jump-tables', '-fno-common'] as const;

/** A static program without a C library. */
export const PROGRAM_FLAGS = [...COMMON, '-static', '-no-pie', '-nostdlib', '-nostartfiles'] as const;

/** Path of `$CC`, gcc or clang. Throws COMPILER, in one line, when there is none. */
export async function findCompiler(env: NodeJS.ProcessEnv = process.env): Promise<string> {
  const names = env.CC ? [env.CC] : ['gcc', 'clang', 'cc'];
  for (const name of names) {
    const path = name.includes('/') ? name : await which(name, env.PATH);
    if (path) return path;
  }
  throw new GuestError('COMPILER', `no C compiler (${names.join(', ')}) on PATH: install gcc or clang to build the guest's test modules`);
}

/** Compiles `source` to `output`. Throws COMPILER with the compiler's first complaint. */
export async function compile(compiler: string, flags: readonly string[], source: string, output: string, includes: readonly string[]): Promise<void> {
  const target = basename(compiler).includes('clang') ? ['--target=x86_64-linux-gnu'] : [];
  const args = [...target, ...flags, ...includes.map((folder) => `-I${folder}`), '-o', output, source];
  try {
    await run(compiler, args, { timeout: LIMIT_MS });
  } catch (error) {
    const said = (error as { stderr?: string }).stderr ?? '';
    const first = said.split('\n').find((line) => /error/i.test(line)) ?? String(error);
    throw new GuestError('COMPILER', `${compiler} cannot compile ${basename(source)}: ${first.trim()}`, { cause: error });
  }
}
