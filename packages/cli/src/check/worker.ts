// The thread of a pool: takes one check after the other and answers with its report.
import { parentPort, workerData } from 'node:worker_threads';
import { perform } from './work.ts';
import type { Answer, Task, WorkerSettings } from './work.ts';

const { limits, stop } = workerData as WorkerSettings;
const word = new Int32Array(stop);
const port = parentPort;
if (port === null) throw new Error('this is the thread of a pool and runs in a worker only');

// A search is one long task: no message comes in while it runs, but it looks at its signal.
const { signal } = new AbortController();
Object.defineProperty(signal, 'aborted', { get: () => Atomics.load(word, 0) !== 0 });

const answer = (what: Answer) => port.postMessage(what);
port.on('message', (task: Task) => {
  void perform(task, { limits, signal, onProgress: (progress) => answer({ kind: 'progress', progress }) }).then(answer);
});
