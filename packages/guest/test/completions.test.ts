// Descriptors that are waited for: lists, records, handles that were revoked, and queues that go away.
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ObservedState } from '@siov/base/testing';
import { COMPLETION_STATUS, DESCRIPTOR_FLAG, GENCAP, OPCODE } from '@siov/datasheet';
import { ENQCMDS_RETRIES } from '../src/index.ts';
import type { InFlight, Outcome } from '../src/index.ts';
import { bound as boundWithout, FIXED } from './recorded-function.ts';
import { ADDRESS, withMemory } from './with-memory.ts';

const COPY = { opcode: OPCODE.MEMMOVE, source: 0x1000n, destination: 0x2000n, size: 64 } as const;
const { SUCCESS, FALSE_PREDICATE, INTERRUPT_HANDLE, PAGE_FAULT } = COMPLETION_STATUS;

function ready(options: Parameters<typeof withMemory>[0] = {}) {
  const made = withMemory(options);
  const enabled = made.run(made.queue.enable());
  if (!enabled.ok) throw new Error(enabled.message);
  made.take();
  return made;
}

describe('a transfer', () => {
  test('asks for record and interrupt, under the kernel’s PASID and its handle, and ends with the record', () => {
    const { queue, spawn, settle, inside, complete } = ready();
    const box = spawn('client', queue.transfer(COPY));
    settle();
    expect(inside).toEqual([expect.objectContaining({ ...COPY, pasid: 5, priv: false, interruptHandle: 0x41, completionRecord: ADDRESS, flags: 0x1c })]);
    expect(box.result).toBeUndefined();
    complete({ completed: 64 });
    settle();
    expect(box.result).toMatchObject({ ok: true, value: { status: SUCCESS, completed: 64 } });
    expect(queue.interrupts).toBe(1);
  });

  test.each([
    [FALSE_PREDICATE, { ok: true, value: { status: FALSE_PREDICATE } }],
    [PAGE_FAULT, { ok: false, errno: 'EIO', message: expect.stringContaining('PAGE_FAULT') }],
  ])('that ended with status %i', (status, result) => {
    const { queue, spawn, settle, complete } = ready();
    const box = spawn('client', queue.transfer(COPY));
    settle();
    complete({ status });
    settle();
    expect(box.result).toMatchObject(result);
  });

  test('whose record is not there yet stays for the next interrupt; others complete before it', () => {
    const { queue, spawn, settle, complete, fire, run } = ready();
    const done: string[] = [];
    for (const name of ['a', 'b']) run(queue.start(COPY, () => done.push(name)));
    fire(1);
    settle();
    expect(done).toEqual([]);
    complete({}, 1);
    settle();
    expect(done).toEqual(['b']);
    complete();
    settle();
    expect([done, spawn('client', queue.start(COPY)).result]).toEqual([['b', 'a'], undefined]);
  });

  test('of those submitted since the thread looked, the last comes first; those it knew before come before', () => {
    const { queue, settle, write, inside, fire, run } = ready();
    const done: string[] = [];
    run(queue.start(COPY, () => done.push('known')));
    fire(1);
    settle();
    for (const name of ['first', 'second']) run(queue.start(COPY, () => done.push(name)));
    for (const each of inside) write(each);
    fire(1);
    settle();
    expect(done).toEqual(['known', 'second', 'first']);
  });

  test('more of them than the queue has places wait; a callback’s place is free', () => {
    const { queue, spawn, settle, complete, inside, run } = ready();
    const done: Outcome[] = [];
    for (let each = 0; each < 4; each++) run(queue.start(COPY, (outcome) => done.push(outcome)));
    const fifth = spawn('client', queue.start(COPY));
    settle();
    expect([inside.length, fifth.result]).toEqual([4, undefined]);
    complete({}, 2);
    settle();
    expect([inside.length, fifth.result]).toEqual([4, { ok: true, value: { index: 2 } }]);
    expect(done).toEqual([{ aborted: false, record: expect.objectContaining({ status: SUCCESS }) }]);
  });

  test('what was waited for once is another’s: waiting again is aborted', () => {
    const { queue, settle, complete, run } = ready();
    const started = run(queue.start(COPY));
    if (!started.ok) throw new Error(started.message);
    complete();
    settle();
    expect(run(queue.wait(started.value)).ok).toBe(true);
    run(queue.start(COPY));
    expect(run(queue.wait(started.value))).toMatchObject({ errno: 'ENXIO' });
  });

  test('needs memory for its record, and an enabled queue', () => {
    const without = boundWithout();
    expect(() => without.run(without.queue.start(COPY))).toThrow('no memory for completion records');
    const disabled = withMemory();
    expect(disabled.run(disabled.queue.start(COPY))).toMatchObject({ errno: 'ENXIO' });
    expect(disabled.inside).toEqual([]);
  });

  test('every one ends once, with its own record, in whatever order the device and the interrupts come', () => {
    const event = fc.oneof(
      { arbitrary: fc.constant({ kind: 'start' as const, nth: 0 }), weight: 3 },
      { arbitrary: fc.record({ kind: fc.constantFrom('complete' as const, 'write' as const), nth: fc.nat(3) }), weight: 3 },
      { arbitrary: fc.constant({ kind: 'interrupt' as const, nth: 0 }), weight: 1 },
      { arbitrary: fc.record({ kind: fc.constant('stale' as const), nth: fc.nat(3) }), weight: 1 },
    );
    fc.assert(fc.property(fc.array(event, { maxLength: 40 }), (events) => {
      const { queue, settle, complete, write, inside, fire, run } = ready();
      const ended: number[] = [];
      let started = 0;
      const finish = () => {
        // An interrupt for what was written without one, and for what has to be submitted once more.
        fire(1);
        settle();
        while (inside.length > 0) {
          complete({ completed: inside[0]?.size ?? 0 });
          settle();
        }
      };
      for (const { kind, nth } of events) {
        const descriptor = inside[nth];
        if (kind === 'start' && inside.length === 0 && started - ended.length === 4) finish();
        if (kind === 'start' && started - ended.length < 4) {
          const size = ++started;
          run(queue.start({ ...COPY, size }, (outcome) => ended.push(outcome.aborted ? -1 : outcome.record.completed)));
          continue;
        }
        if (kind === 'interrupt') fire(1);
        if (descriptor === undefined) continue;
        if (kind === 'complete') complete({ completed: descriptor.size }, nth);
        if (kind === 'stale') complete({ status: INTERRUPT_HANDLE }, nth);
        if (kind === 'write') write(inside.splice(nth, 1)[0] ?? descriptor, { completed: descriptor.size });
        settle();
      }
      finish();
      expect([...ended].sort((a, b) => a - b)).toEqual(Array.from({ length: started }, (_, index) => index + 1));
    }), { numRuns: 200 });
  });
});

describe('status 0x19', () => {
  test('with handles in use: submitted once more, with the handle there is now', () => {
    const { queue, spawn, settle, complete, inside, fire } = ready();
    const box = spawn('client', queue.transfer(COPY));
    settle();
    complete({ status: INTERRUPT_HANDLE });
    settle();
    expect([inside.length, box.result]).toEqual([0, undefined]);
    fire(1);
    settle();
    expect(inside).toEqual([expect.objectContaining({ ...COPY, interruptHandle: 0x41, completionRecord: ADDRESS })]);
    complete();
    settle();
    expect(box.result).toMatchObject({ ok: true });
  });

  test('without handles: an error like any other', () => {
    const { queue, spawn, settle, complete, fire } = ready({ profile: { ...FIXED, GENCAP: GENCAP.commandCapabilities.set(FIXED.GENCAP, 0) } });
    const box = spawn('client', queue.transfer(COPY));
    settle();
    complete({ status: INTERRUPT_HANDLE });
    fire(1);
    settle();
    expect(box.result).toMatchObject({ errno: 'EIO', message: expect.stringContaining('INTERRUPT_HANDLE') });
  });
});

describe('a shared queue', () => {
  const SHARED = { mode: { dedicated: 0, pasidEnable: 1 } } as const;

  test('that says retry is tried again, up to the limit; then EAGAIN, and nothing of the descriptor is left', () => {
    const state = new ObservedState();
    const { queue, run, answers, take, inside, fire, settle } = ready({ ...SHARED, machineState: state });
    answers.push(...Array.from({ length: ENQCMDS_RETRIES + 1 }, () => false));
    expect(run(queue.transfer(COPY))).toMatchObject({ errno: 'EAGAIN' });
    expect([take().filter((each) => each.startsWith('enqueue')).length, inside]).toEqual([33, []]);
    expect(state.current().find(([name]) => name === 'guest/vdsa0/wq0/lists')?.[1]).toMatchObject({ pending: [], work: [] });
    // Its place is free, and no interrupt completes it.
    fire(1);
    settle();
    expect(run(queue.start(COPY))).toEqual({ ok: true, value: { index: 0 } });
  });

  test('that takes the last attempt has it', () => {
    const { queue, run, answers, inside } = ready(SHARED);
    answers.push(...Array.from({ length: ENQCMDS_RETRIES }, () => false));
    expect(run(queue.start(COPY)).ok).toBe(true);
    expect(inside).toMatchObject([{ pasid: 5, priv: false }]);
  });

  test('has as many in flight as its threshold', () => {
    const { queue, spawn, settle, inside } = ready(SHARED);
    for (let each = 0; each < 4; each++) spawn('client', queue.start(COPY));
    settle();
    expect(inside.length).toBe(3);
  });

  test('that is full when a descriptor is submitted again aborts it', () => {
    const { queue, spawn, settle, complete, answers, fire } = ready(SHARED);
    const box = spawn('client', queue.transfer(COPY));
    settle();
    complete({ status: INTERRUPT_HANDLE });
    answers.push(...Array.from({ length: ENQCMDS_RETRIES + 1 }, () => false));
    fire(1);
    settle();
    expect(box.result).toMatchObject({ errno: 'ENXIO', message: expect.stringContaining('aborted') });
  });
});

describe('a queue that is disabled', () => {
  test('aborts what has no record, gives what has one, and its memory is free', () => {
    const { queue, spawn, settle, write, inside, run, dma } = ready();
    const boxes = [0, 1].map((each) => spawn(`client${each}`, queue.transfer(COPY)));
    settle();
    const [first] = inside;
    if (first === undefined) throw new Error('nothing submitted');
    write(first);
    run(queue.disable());
    settle();
    expect(boxes.map(({ result }) => result)).toMatchObject([{ ok: true }, { errno: 'ENXIO' }]);
    const all = dma.alloc(0x10000);
    expect(all.ok).toBe(true);
    expect(run(queue.start(COPY))).toMatchObject({ errno: 'ENXIO' });
  });

  test('lets those go that wait for a place', () => {
    const { queue, spawn, settle, run } = ready();
    const boxes = Array.from({ length: 5 }, (_, each) => spawn(`client${each}`, queue.start(COPY)));
    settle();
    expect(boxes[4]?.result).toBeUndefined();
    run(queue.disable());
    settle();
    expect(boxes[4]?.result).toMatchObject({ errno: 'ENXIO' });
  });

  test('and enabled again starts afresh', () => {
    const { queue, run, complete, settle } = ready();
    const stale: InFlight[] = [];
    const started = run(queue.start(COPY));
    if (started.ok) stale.push(started.value);
    run(queue.disable());
    expect(run(queue.enable()).ok).toBe(true);
    expect(run(queue.start(COPY))).toEqual({ ok: true, value: { index: 0 } });
    complete({}, 1);
    settle();
    expect(stale.map((each) => run(queue.wait(each)).ok)).toEqual([false]);
  });

  test('without memory for its records it is not enabled: ENOMEM, and interrupt, handle and permission are given back', () => {
    const made = withMemory({ memorySize: 0 });
    const before = made.counters();
    expect(made.run(made.queue.enable())).toMatchObject({ errno: 'ENOMEM' });
    expect([made.counters(), made.queue.handle, made.queue.enabled]).toEqual([before, -1, false]);
    expect(made.take()).toContain('W32 a0 = e00041');
  });
});

describe('a batch', () => {
  const members = [{ ...COPY, flags: DESCRIPTOR_FLAG.REQUEST_COMPLETION_INTERRUPT }, { ...COPY, size: 8, flags: DESCRIPTOR_FLAG.FENCE }];

  test('is one descriptor with a list, each member with its own record and without interrupt', () => {
    const { queue, spawn, settle, inside, bytes, at, complete, dma } = ready();
    const box = spawn('client', queue.batch(members));
    settle();
    expect(inside).toMatchObject([{ opcode: OPCODE.BATCH, size: 2, source: ADDRESS + 0x1000n, flags: 0x1c }]);
    const list = at(inside[0]?.source ?? 0n);
    const view = new DataView(bytes.buffer, list);
    expect([0, 64].map((offset) => view.getUint32(offset + 4, true) & 0xffffff)).toEqual([0xc, 0xd]);
    expect([8, 72].map((offset) => view.getBigUint64(offset, true))).toEqual([ADDRESS + 0x1080n, ADDRESS + 0x10a0n]);
    bytes.set([SUCCESS], list + 128);
    bytes.set([PAGE_FAULT], list + 160);
    complete({ status: COMPLETION_STATUS.BATCH_MEMBER_FAILED, completed: 2 });
    settle();
    expect(box.result).toMatchObject({ ok: true, value: { record: { completed: 2 }, members: [{ status: SUCCESS }, { status: PAGE_FAULT }] } });
    expect(dma.alloc(0xf000).ok).toBe(true);
  });

  test('that failed itself is EIO, one of a queue that goes away ENXIO; its memory is free', () => {
    const { queue, spawn, settle, complete, run, dma } = ready();
    const boxes = [0, 1].map((each) => spawn(`client${each}`, queue.batch(members)));
    settle();
    complete({ status: COMPLETION_STATUS.BATCH_LIST_FAULT });
    settle();
    run(queue.disable());
    settle();
    expect(boxes.map(({ result }) => result)).toMatchObject([{ errno: 'EIO' }, { errno: 'ENXIO' }]);
    expect(dma.alloc(0x10000).ok).toBe(true);
  });

  test.each([[0, 'EINVAL'], [1, 'EINVAL'], [5, 'EINVAL']])('of %i is %s', (count, errno) => {
    const { queue, run, inside } = ready();
    expect(run(queue.batch(Array.from({ length: count }, () => COPY)))).toMatchObject({ errno });
    expect(inside).toEqual([]);
  });

  test('of one where the device takes it, of a batch nowhere, and none without memory', () => {
    const { queue, spawn, settle, inside, run } = ready({ profile: { ...FIXED, GENCAP: GENCAP.batch1.set(FIXED.GENCAP, 1) } });
    spawn('client', queue.batch([COPY]));
    settle();
    expect(inside.length).toBe(1);
    expect(run(queue.batch([COPY, { opcode: OPCODE.BATCH }]))).toMatchObject({ errno: 'EINVAL' });
    const small = ready({ memorySize: 0x1000 });
    expect(small.run(small.queue.batch([COPY, COPY]))).toMatchObject({ errno: 'ENOMEM' });
    expect(() => boundWithout().queue.batch([COPY, COPY])).toThrow('no memory for batches');
  });
});
