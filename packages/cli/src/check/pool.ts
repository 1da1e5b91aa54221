// All checks, on as many threads as asked for: each thread takes the next one that nobody has begun.
import { Worker } from 'node:worker_threads';
import type { Limits, Progress } from '@siov/explore';
import type { Checked } from './conclusion.ts';
import type { Subject } from './subject.ts';
import { perform } from './work.ts';
import type { Answer, Task, WorkerSettings } from './work.ts';

export interface PoolOptions {
  /** 1: in this thread, where a debugger is attached at once. */
  readonly workers: number;
  /** Of each check. */
  readonly limits: Limits;
  readonly signal: AbortSignal;
  readonly onProgress: (progress: Progress) => void;
  /** In the order of the checks, each as soon as it and all before it are done. */
  readonly onChecked: (checked: Checked) => void;
}

/** From the sources and from what is built of them: the worker is a file of its own in both. */
const WORKER = new URL(import.meta.url.endsWith('.ts') ? './worker.ts' : './check/worker.js', import.meta.url);

export async function runAll(subjects: readonly Subject[], options: PoolOptions): Promise<readonly Checked[]> {
  const done: (Checked | undefined)[] = Array.from(subjects, () => undefined);
  let next = 0;
  let told = 0;
  const finish = (index: number, checked: Checked) => {
    done[index] = checked;
    for (let each = done[told]; each !== undefined; each = done[++told]) options.onChecked(each);
  };
  const lane = async (run: (subject: Subject) => Promise<Answer>) => {
    for (let index = next++; index < subjects.length; index = next++) {
      const subject = subjects[index] as Subject;
      finish(index, options.signal.aborted ? { subject, report: null, error: null } : checkedOf(subject, await run(subject)));
    }
  };
  const { limits, signal, onProgress } = options;
  const count = Math.min(options.workers, subjects.length);
  if (count <= 1) {
    await lane((subject) => perform(subject, { limits, signal, onProgress }));
    return done as Checked[];
  }
  const settings: WorkerSettings = { limits, stop: new SharedArrayBuffer(4) };
  signal.addEventListener('abort', () => void Atomics.store(new Int32Array(settings.stop), 0, 1));
  const threads = Array.from({ length: count }, () => new Thread(settings, onProgress));
  try {
    await Promise.all(threads.map((thread) => lane((subject) => thread.run(subject))));
  } finally {
    await Promise.all(threads.map((thread) => thread.end()));
  }
  return done as Checked[];
}

function checkedOf(subject: Subject, answer: Answer): Checked {
  return { subject, report: answer.kind === 'report' ? answer.report : null, error: answer.kind === 'error' ? answer.error : null };
}

/** A worker, and another one when it has died of a check. */
class Thread {
  readonly #settings: WorkerSettings;
  readonly #onProgress: (progress: Progress) => void;
  #worker: Worker | null = null;
  #settle: (answer: Answer) => void = () => {};

  constructor(settings: WorkerSettings, onProgress: (progress: Progress) => void) {
    this.#settings = settings;
    this.#onProgress = onProgress;
  }

  run({ recipe, engine }: Subject): Promise<Answer> {
    const worker = (this.#worker ??= this.#start());
    return new Promise((resolve) => {
      this.#settle = resolve;
      const task: Task = { recipe, engine };
      // oxlint-disable-next-line unicorn/require-post-message-target-origin -- of a thread, not of a window
      worker.postMessage(task);
    });
  }

  async end(): Promise<void> {
    await this.#worker?.terminate();
  }

  #start(): Worker {
    const worker = new Worker(WORKER, { workerData: this.#settings });
    const died = (error: string) => {
      this.#worker = null;
      this.#settle({ kind: 'error', error });
    };
    worker.on('message', (answer: Answer) => (answer.kind === 'progress' ? this.#onProgress(answer.progress) : this.#settle(answer)));
    worker.on('error', (error: Error) => died(`the thread failed: ${error.message}`));
    worker.on('exit', (code) => died(`the thread ended with ${code}`));
    return worker;
  }
}
