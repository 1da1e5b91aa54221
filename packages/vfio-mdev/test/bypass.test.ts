// Interrupts that whoever waits on their eventfd may have posted, past the handler.
import { describe, expect, test } from 'vitest';
import { Executor, ModelEventFd, ok, plainState, recordTrace } from '@siov/base';
import type { Steps, TraceEvent } from '@siov/base';
import { bypassToken, IrqBypass } from '@siov/vfio';
import type { BypassConsumer, IrqSet } from '@siov/vfio';
import { intruded, makeHost } from './host.ts';

const TARGET = { descriptor: 0x1000n, vector: 0x41 };
const fds = (start: number, list: readonly (ModelEventFd | null)[]): IrqSet => ({ index: 2, start, count: list.length, action: 'trigger', data: { kind: 'eventfd', fds: list } });

function withBypass() {
  const events: TraceEvent[] = [];
  const executor = new Executor();
  const host = makeHost({ executor, trace: recordTrace(executor, () => 0, (event) => events.push(event)) });
  const bypass = new IrqBypass(plainState, 'h');
  const helper = host.helperOf(host.mdev(), ['emulated', 'msi', 'msi'], {}, { bypass });
  const log: string[] = [];
  const irqfd = (fd: ModelEventFd): BypassConsumer => ({
    token: bypassToken(fd), gsi: 24,
    *connect(producer): Steps<void> { log.push('connect'); expect(yield* producer.post(TARGET)).toEqual(ok()); },
    *disconnect(producer): Steps<void> {
      log.push(`disconnect, ${events.filter(({ operation }) => operation === 'free_irq').length} freed`);
      expect(yield* producer.post(null)).toEqual(ok());
    },
  });
  return { ...host, bypass, helper, log, irqfd, fd: (name: string) => new ModelEventFd(plainState, name) };
}

describe('bypass producers', () => {
  test('one for each armed vector that has an interrupt, none for the emulated one, gone with the trigger', () => {
    const { helper, run, bypass, fd, core } = withBypass();
    const list = [fd('0'), fd('1'), fd('2')];
    run(helper.setTrigger(fds(0, list)));
    const virqs = bypass.producers.map(({ irq }) => irq);
    expect(bypass.producers.map(({ token }) => token)).toEqual(list.slice(1).map((each) => bypassToken(each)));
    expect(virqs.map((virq) => core.desc(virq)?.state.actions.length)).toEqual([1, 1]);
    run(helper.setTrigger(fds(1, [null])));
    expect(bypass.producers.map(({ irq }) => irq)).toEqual(virqs.slice(1));
    run(helper.idle(2));
    expect(bypass.producers).toEqual([]);
    run(helper.resume(2));
    expect(bypass.producers).toHaveLength(1);
    run(helper.disable());
    expect(bypass.producers).toEqual([]);
  });

  test('a posted interrupt calls no handler and signals no eventfd; taken back, it does again', () => {
    const { helper, run, bypass, fd, irqfd, fire, posted } = withBypass();
    const trigger = fd('1');
    const consumer = irqfd(trigger);
    run(helper.setTrigger(fds(1, [trigger])));
    run(bypass.registerConsumer(consumer));
    fire(0);
    expect([posted, trigger.count]).toEqual([[TARGET], 0]);
    run(bypass.unregisterConsumer(consumer));
    fire(0);
    expect([posted.length, trigger.count]).toEqual([1, 1]);
  });

  test('is unregistered before free_irq(), and the interrupt is the host’s again by then; the next trigger has it anew', () => {
    const { helper, run, bypass, fd, irqfd, fire, posted, log } = withBypass();
    const [routed, userspace] = [fd('kvm'), fd('qemu')];
    run(bypass.registerConsumer(irqfd(routed)));
    run(helper.setTrigger(fds(1, [routed.dup()])));
    // The guest masks the vector: its VMM listens itself.
    run(helper.setTrigger(fds(1, [userspace])));
    expect(log).toEqual(['connect', 'disconnect, 0 freed']);
    fire(0);
    expect([posted.length, userspace.count, routed.count]).toEqual([0, 1, 0]);
    run(helper.setTrigger(fds(1, [routed.dup()])));
    fire(0);
    expect([posted.length, log.length]).toEqual([1, 3]);
  });

  test('one that cannot be registered is only logged: the eventfd works', () => {
    const { helper, run, bypass, fd, core, fire } = withBypass();
    const shared = fd('shared');
    run(helper.setTrigger(fds(1, [shared, shared.dup()])));
    expect([helper.armed, bypass.producers.length, core.log.lines]).toEqual([2, 1, [expect.stringMatching(/^mdev0: irq bypass producer of vector 2 \(shared\) registration fails: -EBUSY/)]]);
    fire(1);
    expect(shared.count).toBe(1);
    // It takes nobody else's with it.
    run(helper.setTrigger(fds(2, [null])));
    expect(bypass.producers).toHaveLength(1);
    run(helper.disable());
    expect(bypass.producers).toEqual([]);
  });

  test('an irqfd that comes or goes between any two steps of a request: connected while both are there, and nothing stays posted', () => {
    for (const call of ['arm', 're-arm', 'give up'] as const) {
      for (const comes of [true, false]) {
        for (let at = 0, more = true; more; at++) {
          const { helper, run, bypass, fd, irqfd, fire, posted, executor, log } = withBypass();
          const trigger = fd('1');
          const consumer = irqfd(trigger);
          if (call !== 'arm') run(helper.setTrigger(fds(1, [trigger.dup()])));
          if (!comes) run(bypass.registerConsumer(consumer));
          more = false;
          run(intruded(helper.setTrigger(fds(1, [call === 'give up' ? null : trigger.dup()])), (yielded) => {
            if (yielded !== at) return;
            more = true;
            executor.spawn({ name: 'vcpu1', layer: 'vmm' }, comes ? bypass.registerConsumer(consumer) : bypass.unregisterConsumer(consumer));
            executor.settle();
          }));
          executor.settle();
          const connected = log.filter((each) => each === 'connect').length - log.filter((each) => each !== 'connect').length;
          const both = bypass.producers.length === 1 && bypass.consumers.length === 1;
          expect([call, comes, at, connected, bypass.producers.length]).toEqual([call, comes, at, both ? 1 : 0, call === 'give up' ? 0 : 1]);
          if (call === 'give up') continue;
          const before = [posted.length, trigger.count] as const;
          fire(0);
          expect([call, comes, at, posted.length - before[0], trigger.count - before[1]]).toEqual([call, comes, at, ...(both ? [1, 0] : [0, 1])]);
        }
      }
    }
  });
});
