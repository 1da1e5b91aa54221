import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { ModelEventFd, noTrace, plainState, point, runToCompletion } from '@siov/base';
import type { Steps } from '@siov/base';
import { ErrorLog } from '../src/error-log.ts';
import { KvmIrqfds } from '../src/kvm-irqfds.ts';
import { kvm, message } from './kvm.ts';

describe('posting', () => {
  const producer = (token: object, answer: 'ok' | 'ENODEV' = 'ok') => {
    const posts: string[] = [];
    return {
      posts,
      token,
      irq: 7,
      *post(target: { descriptor: bigint; vector: number } | null) {
        posts.push(target === null ? 'off' : `0x${target.descriptor.toString(16)}:${target.vector}`);
        return answer === 'ok' ? ({ ok: true, value: undefined } as const) : ({ ok: false, errno: answer, message: 'no' } as const);
      },
    };
  };
  const connected = (answer: 'ok' | 'ENODEV' = 'ok', first = message(33)) => {
    const vm = kvm({ atomic: true });
    const fd = new ModelEventFd(plainState, 'fd');
    runToCompletion(vm.irqfds.assign(24, fd, first));
    const irq = producer(fd.context, answer);
    runToCompletion(vm.bypass.registerProducer(irq));
    const irqfd = vm.irqfds.find(24) ?? expect.unreachable();
    return { ...vm, fd, irq, irqfd };
  };

  test('follows producer and route: on, elsewhere, off while the message cannot be posted, on again, off at the end', () => {
    const { irq, irqfd, bypass } = connected();
    expect(irq.posts.splice(0)).toEqual(['0x40:33']);
    const route = (data: number, address?: bigint) => {
      runToCompletion(irqfd.route(message(data, address)));
      return irq.posts.splice(0);
    };
    expect(route(34)).toEqual(['0x40:34']);
    expect(route(34)).toEqual([]);
    expect([route(34, 0xfee00004n), irqfd.posted]).toEqual([['off'], false]);
    expect(route(35, 0xfee00004n)).toEqual([]);
    expect([route(35), irqfd.posted]).toEqual([['0x40:35'], true]);
    runToCompletion(bypass.unregisterProducer(irq));
    expect([irq.posts.splice(0), irqfd.posted]).toEqual([['off'], false]);
    expect(route(36)).toEqual([]);
  });

  test('ends when the irqfd does', () => {
    const { irq, irqfds } = connected();
    irq.posts.length = 0;
    runToCompletion(irqfds.deassign(24));
    expect(irq.posts).toEqual(['off']);
  });

  test('that the host refuses is reported, and the eventfd works all the same', () => {
    const { irq, irqfd, fd, log, injected, bypass } = connected('ENODEV');
    expect([irqfd.posted, log.errors]).toEqual([false, ['posting irq 7 to vector 33: -ENODEV: no']]);
    fd.signal();
    expect(injected).toEqual(['atomic 33']);
    irq.posts.length = 0;
    runToCompletion(bypass.unregisterProducer(irq));
    expect(irq.posts).toEqual([]);
  });

  test('of a second consumer of one eventfd, as of another machine, is not done: it is reported', () => {
    const { bypass, fd, irq } = connected();
    const log = new ErrorLog(plainState, 'other');
    const ports = { state: plainState, trace: noTrace, *inject() {}, bypass, posting: { descriptor: 0x80n } };
    const other = new KvmIrqfds(ports, log, 'other');
    irq.posts.length = 0;
    expect(runToCompletion(other.assign(24, fd, message(40))).ok).toBe(true);
    expect([irq.posts, log.errors.length]).toEqual([[], 1]);
  });
});

// The host may give the interrupt up, or set it up, while the guest changes the message: neither waits for the other's caller.
describe('in any order of two agents', () => {
  const between = point('memory', 'the table entry');
  const irq = (token: object) => {
    const entry: { target: number | null } = { target: null };
    return {
      entry,
      token,
      irq: 7,
      *post(target: { vector: number } | null): Steps<{ ok: true; value: undefined }> {
        yield between;
        entry.target = target === null ? null : target.vector;
        yield between;
        return { ok: true, value: undefined };
      },
    };
  };
  /** Runs both to the end: the first where `order` says true and it is ready, else the second. */
  const both = (first: Steps<unknown>, second: Steps<unknown>, order: readonly boolean[]) => {
    const agents = [first, second].map((steps) => ({ steps, done: false, ready: (): boolean => true }));
    const turns = [...order];
    for (;;) {
      const ready = agents.filter((each) => !each.done && each.ready());
      const agent = ready[turns.shift() === true ? 0 : ready.length - 1];
      if (agent === undefined) return;
      const next = agent.steps.next();
      agent.done = next.done === true;
      agent.ready = (next.done === true ? undefined : next.value.ready) ?? (() => true);
    }
  };
  const setUp = () => {
    const vm = kvm({ atomic: true });
    const fd = new ModelEventFd(plainState, 'fd');
    runToCompletion(vm.irqfds.assign(24, fd, message(33)));
    return { ...vm, producer: irq(fd.context), irqfd: vm.irqfds.find(24) ?? expect.unreachable() };
  };
  const order = fc.array(fc.boolean(), { maxLength: 24, size: 'max' });

  test('what the host gives up is not posted afterwards', () => {
    fc.assert(
      fc.property(order, (turns) => {
        const { bypass, irqfd, producer } = setUp();
        runToCompletion(bypass.registerProducer(producer));
        both(irqfd.route(message(34)), bypass.unregisterProducer(producer), turns);
        expect([producer.entry.target, irqfd.posted]).toEqual([null, false]);
      }),
    );
  });

  test('what the host sets up is posted with the last message', () => {
    fc.assert(
      fc.property(order, (turns) => {
        const { bypass, irqfd, producer } = setUp();
        both(irqfd.route(message(34)), bypass.registerProducer(producer), turns);
        expect([producer.entry.target, irqfd.posted]).toEqual([34, true]);
      }),
    );
  });
});
