// Runs the siov command as a user does: a process of its own.
import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));

export interface Outcome {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

export interface Running {
  readonly child: ChildProcess;
  /** Resolves when it has printed `text` on standard output. Rejects when it ends without. */
  printed(text: string): Promise<void>;
  /** The same for standard error. */
  said(text: string): Promise<void>;
  readonly ended: Promise<Outcome>;
}

export function startSiov(args: readonly string[], env: NodeJS.ProcessEnv = {}): Running {
  const child = spawn(process.execPath, ['--conditions=@siov/source', MAIN, ...args], { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'] });
  let stdout = '';
  let stderr = '';
  const waiting = new Set<() => void>();
  const look = () => {
    for (const each of waiting) each();
  };
  child.stdout.setEncoding('utf8').on('data', (text: string) => {
    stdout += text;
    look();
  });
  child.stderr.setEncoding('utf8').on('data', (text: string) => {
    stderr += text;
    look();
  });
  const ended = new Promise<Outcome>((resolve) => {
    child.once('close', (status) => resolve({ status, stdout, stderr }));
  });
  const until = (text: string, output: () => string) =>
    new Promise<void>((resolve, reject) => {
      const found = () => {
        if (!output().includes(text)) return;
        waiting.delete(found);
        resolve();
      };
      waiting.add(found);
      void ended.then(() => reject(new Error(`siov ended without printing ${text}: ${stderr}`)));
      found();
    });
  return { child, printed: (text) => until(text, () => stdout), said: (text) => until(text, () => stderr), ended };
}

export function siov(args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Outcome> {
  return startSiov(args, env).ended;
}
