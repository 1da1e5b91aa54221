// Queues for processes: opened, submitted to under the process' PASID, closed.
import { describe, expect, test } from 'vitest';
import { bufferMemory } from '@siov/base';
import { COMMAND, COMMAND_ERROR, DSA_SMALL, encodeCompletionRecord, OPCODE } from '@siov/datasheet';
import { ENQCMDS_RETRIES, pollCompletion } from '../src/index.ts';
import type { QueueConfig } from '../src/index.ts';
import { command } from './accesses.ts';
import { makeGuest, recordedPasids } from './recorded-function.ts';

const QUEUES: readonly QueueConfig[] = [{ index: 0, group: 0, mode: 'dedicated', size: 16, priority: 1 }, { index: 1, group: 0, mode: 'shared', size: 8, threshold: 6 }];
const [A, B] = [{ mm: 'a' }, { mm: 'b' }];

function machine() {
  const guest = makeGuest({ profile: DSA_SMALL });
  const made = recordedPasids(guest);
  const probed = guest.probe({ pasids: made.pasids, queues: QUEUES });
  if (!probed.ok) throw new Error(probed.message);
  const driver = probed.value;
  const [dedicated, shared] = driver.queues;
  if (dedicated === undefined || shared === undefined) throw new Error('no queues');
  guest.run(driver.enable());
  for (const queue of driver.queues) guest.run(queue.enable('user'));
  const open = (queue: typeof shared, mm: object) => {
    const opened = guest.run(queue.openProcess(mm));
    if (!opened.ok) throw new Error(opened.message);
    return opened.value;
  };
  return { ...guest, ...made, driver, dedicated, shared, open };
}

test('a queue for processes has no interrupt and no permission; a dedicated one no PASID until it is opened', () => {
  const { run, take, driver, dedicated, shared } = machine();
  expect(take().some((each) => /MSIX\[[12]\].CONTROL = 0|W32 2\d\d/.test(each))).toBe(false);
  expect([dedicated.pasid, shared.pasid, dedicated.handle]).toEqual([null, 0, -1]);
  run(driver.remove());
});

describe('a shared queue', () => {
  test('takes ENQCMDs of many processes, each with its PASID and a user’s rights, whatever the descriptor says', () => {
    const { run, take, shared, open, submissions } = machine();
    const processes = [A, B].map((mm) => open(shared, mm));
    take();
    const lie = { opcode: OPCODE.NOOP, pasid: 5, priv: true };
    for (const process of processes) expect(run(process.submit(lie)).ok).toBe(true);
    expect(take()).toEqual(['enqueue 5000 taken', 'enqueue 5040 taken']);
    expect(submissions.map(({ bytes }) => new DataView(bytes.buffer).getUint32(0, true))).toEqual([0x100, 0x101]);
  });

  test('that stays full is EAGAIN', () => {
    const { run, shared, open, answers } = machine();
    const process = open(shared, A);
    answers.push(...Array.from({ length: ENQCMDS_RETRIES + 1 }, () => false));
    expect(run(process.submit({}))).toMatchObject({ errno: 'EAGAIN' });
    expect(run(process.submit({})).ok).toBe(true);
  });

  test('closed: what the process has in it is drained, then its address space unbound; it submits nothing any more', () => {
    const { run, take, shared, open } = machine();
    const process = open(shared, A);
    take();
    expect(run(process.close()).ok).toBe(true);
    expect(take()).toEqual([...command('80b00100'), 'unbind 100']);
    expect(run(process.submit({}))).toMatchObject({ errno: 'ENXIO' });
    expect(run(process.close())).toMatchObject({ errno: 'EINVAL' });
    expect(take()).toEqual([]);
  });

  test('whose PASID is held is closed to the process, and can be unbound later', () => {
    const { run, shared, open, refuse, take, bound } = machine();
    const process = open(shared, A);
    refuse.unbind = true;
    expect(run(process.close())).toMatchObject({ errno: 'EBUSY' });
    expect(run(process.submit({}))).toMatchObject({ errno: 'ENXIO' });
    refuse.unbind = false;
    take();
    expect(run(process.close()).ok).toBe(true);
    expect([take(), bound.size]).toEqual([['unbind 100'], 1]);
  });
});

describe('a dedicated queue', () => {
  test('gets the PASID of the process that opens it, with the queue disabled, and loses it when that closes', () => {
    const { run, take, dedicated, open } = machine();
    take();
    const process = open(dedicated, A);
    expect(take()).toEqual(['bind process 100', ...command('80700001'), 'R32 408', 'W32 408 = 10010011', ...command('80600000')]);
    expect(dedicated.pasid).toBe(0x100);
    run(process.submit({}));
    expect(take()).toEqual(['portal 1000:64']);
    run(process.close());
    expect(take()).toEqual([...command('80700001'), 'R32 408', 'W32 408 = 11', ...command('80600000'), 'unbind 100']);
    expect(dedicated.pasid).toBeNull();
  });

  test('is one process’: a second one is EBUSY, and bound to nothing', () => {
    const { run, take, dedicated, open, bound } = machine();
    const process = open(dedicated, A);
    take();
    expect(run(dedicated.openProcess(B))).toMatchObject({ errno: 'EBUSY' });
    expect([take(), bound.size]).toEqual([[], 2]);
    run(process.close());
    expect(run(dedicated.openProcess(B)).ok).toBe(true);
  });

  test('that cannot be given the PASID is EIO, and the process is bound to nothing', () => {
    const { run, dedicated, errors, bound, take } = machine();
    errors.set(COMMAND.ENABLE_WQ, COMMAND_ERROR.WQ_PASID_ENABLE);
    expect(run(dedicated.openProcess(A))).toMatchObject({ errno: 'EIO' });
    expect([take().at(-1), bound.size, dedicated.pasid]).toEqual(['unbind 100', 1, null]);
  });
});

describe('what is refused, or goes away', () => {
  test('no PASID: the error is the binding’s, and nothing was touched', () => {
    const { run, shared, refuse, take } = machine();
    refuse.process = true;
    take();
    expect(run(shared.openProcess(A))).toMatchObject({ errno: 'ENOMEM' });
    expect(take()).toEqual([]);
  });

  test('a queue that is the kernel’s, or is not enabled', () => {
    const { run, shared } = machine();
    run(shared.disable());
    expect(run(shared.openProcess(A))).toMatchObject({ errno: 'ENXIO' });
    run(shared.enable());
    expect(run(shared.openProcess(A))).toMatchObject({ errno: 'ENXIO' });
  });

  test('disabled under a process: that submits nothing, also when it is enabled again, and closing only unbinds', () => {
    const { run, shared, open, take } = machine();
    const process = open(shared, A);
    run(shared.disable());
    expect(run(process.submit({}))).toMatchObject({ errno: 'ENXIO' });
    run(shared.enable('user'));
    expect(run(process.submit({}))).toMatchObject({ errno: 'ENXIO' });
    take();
    run(process.close());
    expect(take()).toEqual(['unbind 100']);
  });

  test('the device removed: processes that have not closed are unbound before the system PASID, after every interrupt', () => {
    const { run, driver, shared, dedicated, open, take, bound, counters } = machine();
    open(shared, A);
    open(dedicated, B);
    expect(run(driver.remove()).ok).toBe(true);
    expect(take().slice(-4)).toEqual(['WMSGCTL = 2', 'unbind 101', 'unbind 100', 'unbind 5']);
    expect([bound.size, counters()]).toEqual([0, { virqs: 0, reserved: 0, assigned: 0, managed: 0 }]);
  });

  test('the device removed while a process’ PASID is held: EBUSY', () => {
    const { run, driver, shared, open, refuse } = machine();
    open(shared, A);
    refuse.unbind = true;
    expect(run(driver.remove())).toMatchObject({ errno: 'EBUSY' });
  });
});

test('a process polls its record', () => {
  const { executor, run } = machine();
  const bytes = new Uint8Array(64);
  executor.spawn({ name: 'device', layer: 'hw' }, (function* () { bytes.set(encodeCompletionRecord({ status: 1, completed: 9 }), 32); })());
  expect(run(pollCompletion(bufferMemory(bytes), 32))).toMatchObject({ status: 1, completed: 9 });
});
