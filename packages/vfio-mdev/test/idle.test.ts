import { describe, expect, test } from 'vitest';
import { ok } from '@siov/base';
import { fds, helperHost } from './helper-host.ts';
import { CountingFd, intruded } from './host.ts';

describe('idle and resume', () => {
  test('an idle vector holds no slot and keeps its eventfd; resumed, its interrupt signals it again', () => {
    const { helper, run, fire, counters } = helperHost();
    const before = counters();
    const fd = new CountingFd();
    run(helper.setTrigger(fds(1, [fd])));
    run(helper.idle(1));
    run(helper.idle(1));
    run(helper.idle(0));
    run(helper.idle(9));
    expect([counters(), helper.hwirq(1).ok, fd.closes]).toEqual([before, false, 0]);
    expect(run(helper.resume(1))).toEqual(ok());
    expect(run(helper.resume(1))).toEqual(ok());
    fire(0);
    expect([fd.signals, counters().slots]).toEqual([1, 1]);
  });

  test('a vector that is not armed cannot be resumed, and a refused one stays idle with its eventfd', () => {
    const { helper, run, policy, counters } = helperHost();
    const fd = new CountingFd();
    expect(run(helper.resume(1))).toMatchObject({ errno: 'EINVAL' });
    expect(run(helper.resume(9))).toMatchObject({ errno: 'EINVAL' });
    run(helper.setTrigger(fds(1, [fd])));
    run(helper.idle(1));
    const idle = counters();
    policy.refuse = true;
    expect(run(helper.resume(1))).toMatchObject({ errno: 'EINVAL', message: 'refused' });
    expect([counters(), fd.closes]).toEqual([idle, 0]);
  });

  test('a resumed vector whose interrupt is refused when it is requested gives its slot back', () => {
    const { helper, run, counters, domain } = helperHost();
    run(helper.setTrigger(fds(0, [new CountingFd(), new CountingFd()])));
    run(helper.idle(1));
    const idle = counters();
    const { activate } = domain.template;
    Object.assign(domain.template, { activate: () => ({ ok: false, errno: 'EINVAL', message: 'gone' }) });
    expect(run(helper.resume(1))).toMatchObject({ errno: 'EINVAL' });
    Object.assign(domain.template, { activate });
    expect([counters(), helper.hwirq(1).ok, run(helper.resume(0)), run(helper.resume(1))]).toEqual([idle, false, ok(), ok()]);
  });

  test('an interrupt that one CPU gives back while another arms it anew: one after the other', () => {
    for (let at = 0, more = true; more; at++) {
      const host = helperHost(['emulated', 'msi']);
      const [first, second] = [new CountingFd('first'), new CountingFd('second')];
      host.run(host.helper.setTrigger(fds(1, [first])));
      more = false;
      host.run(intruded(host.helper.setTrigger(fds(1, [second])), (yielded) => {
        if (yielded !== at) return;
        more = true;
        host.executor.spawn({ name: 'vcpu1', layer: 'vmm' }, host.helper.idle(1));
        host.executor.settle();
      }));
      host.executor.settle();
      // It came first, or it was the last word.
      const armed = at <= 0 || !more;
      expect([at, host.counters().slots, host.unmasked(), host.helper.armed, first.closes, second.closes]).toEqual([at, armed ? 1 : 0, armed ? 1 : 0, 1, 1, 0]);
    }
  });
});
