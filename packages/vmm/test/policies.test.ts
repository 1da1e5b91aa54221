import { describe, expect, test } from 'vitest';
import { fail } from '@siov/base';
import type { VmmPolicy } from '../src/index.ts';
import { attach, ENABLE, MASK_ALL, RecordingDevice } from './recording-device.ts';

const POLICIES: readonly VmmPolicy[] = ['incremental', 'highest-unmasked', 'all-at-enable', 'dynamic'];

/** What a guest does, and the requests each step makes. */
function program(policy: VmmPolicy, irqfd: boolean) {
  const device = new RecordingDevice(3);
  const guest = attach(device, { policy, irqfd });
  const sets = (what: () => void) => {
    what();
    return device.sets.splice(0);
  };
  return {
    device,
    guest,
    sets,
    run: () => ({
      enable: sets(() => guest.control(ENABLE)),
      unmask1: sets(() => guest.setMask(1, 0)),
      unmask0: sets(() => guest.setMask(0, 0)),
      unmask2: sets(() => guest.setMask(2, 0)),
      mask1: sets(() => guest.setMask(1, 1)),
      disable: sets(() => guest.control(0)),
    }),
  };
}

describe('a guest that enables MSI-X, unmasks 1, 0, 2, masks 1 and disables it makes these requests', () => {
  test('incremental: vector 0 at once, each higher vector by giving up all', () => {
    expect(program('incremental', false).run()).toEqual({
      enable: ['0+0:none', '0+1:fd'],
      unmask1: ['0+0:none', '0+2:fd,fd'],
      unmask0: ['0+1:fd'],
      unmask2: ['0+0:none', '0+3:fd,fd,fd'],
      mask1: [],
      disable: ['0+0:none'],
    });
  });

  test('incremental with irqfds: the main loop keeps what is not unmasked, and gets back what is masked', () => {
    expect(program('incremental', true).run()).toEqual({
      enable: ['0+0:none', '0+1:fd'],
      unmask1: ['0+0:none', '0+2:fd,kvm'],
      unmask0: ['0+1:kvm'],
      unmask2: ['0+0:none', '0+3:kvm,kvm,kvm'],
      mask1: ['1+1:fd'],
      disable: ['0+1:fd', '1+1:fd', '2+1:fd', '0+0:none'],
    });
  });

  test('highest-unmasked: the same where nothing is unmasked yet', () => {
    expect(program('highest-unmasked', false).run()).toEqual(program('incremental', false).run());
    expect(program('highest-unmasked', true).run()).toEqual(program('incremental', true).run());
  });

  test('all-at-enable: the table at once, then vector by vector', () => {
    expect(program('all-at-enable', false).run()).toEqual({
      enable: ['0+3:-1,-1,-1'], unmask1: ['1+1:fd'], unmask0: ['0+1:fd'], unmask2: ['2+1:fd'], mask1: [], disable: ['0+0:none'],
    });
    expect(program('all-at-enable', true).run()).toEqual({
      enable: ['0+3:-1,-1,-1'], unmask1: ['1+1:kvm'], unmask0: ['0+1:kvm'], unmask2: ['2+1:kvm'], mask1: ['1+1:fd'],
      disable: ['0+1:fd', '1+1:fd', '2+1:fd', '0+0:none'],
    });
  });

  test('dynamic, the default: no vector at enabling, then each alone', () => {
    const expected = { enable: ['0+1:-1'], unmask1: ['1+1:fd'], unmask0: ['0+1:fd'], unmask2: ['2+1:fd'], mask1: [], disable: ['0+0:none'] };
    expect(program('dynamic', false).run()).toEqual(expected);
    const byDefault = new RecordingDevice(3);
    const guest = attach(byDefault);
    guest.control(ENABLE);
    guest.setMask(1, 0);
    expect(byDefault.sets).toEqual(['0+1:-1', '1+1:fd']);
  });
});

describe('a guest that has unmasked 0 and 2 of four before it enables MSI-X', () => {
  const enable = (policy: VmmPolicy, value: number, irqfd = false) => {
    const device = new RecordingDevice(4);
    const guest = attach(device, { policy, irqfd });
    guest.setMask(0, 0);
    guest.setMask(2, 0);
    guest.control(value);
    return device.sets;
  };

  test('is given three vectors in one request by highest-unmasked, which never grows then', () => {
    expect(enable('highest-unmasked', ENABLE)).toEqual(['0+0:none', '0+3:-1,-1,fd', '0+1:fd', '2+1:fd']);
    expect(enable('highest-unmasked', ENABLE, true)).toEqual(['0+0:none', '0+3:-1,-1,fd', '0+1:kvm', '2+1:kvm']);
  });

  test('makes incremental grow', () => {
    expect(enable('incremental', ENABLE)).toEqual(['0+0:none', '0+1:fd', '0+1:fd', '0+0:none', '0+3:fd,-1,fd']);
  });

  test('has its two eventfds in the one request of all-at-enable', () => {
    expect(enable('all-at-enable', ENABLE)).toEqual(['0+4:fd,-1,fd,-1']);
    expect(enable('all-at-enable', ENABLE, true)).toEqual(['0+4:kvm,-1,kvm,-1']);
  });

  test('and masks the function is one that has none unmasked', () => {
    expect(enable('highest-unmasked', ENABLE | MASK_ALL)).toEqual(['0+0:none', '0+1:fd']);
    expect(enable('all-at-enable', ENABLE | MASK_ALL)).toEqual(['0+4:-1,-1,-1,-1']);
  });
});

test('I7: growth asks for every running vector again, so that its id is read again', () => {
  const { device, guest, sets } = program('incremental', true);
  guest.control(ENABLE);
  guest.setMask(1, 0);
  const before = [...device.triggers];
  expect(sets(() => guest.setMask(2, 0)).slice(-1)).toEqual(['0+3:fd,kvm,kvm']);
  expect(device.triggers[1]).not.toBe(before[1]);
});

test('every use of MSI-X begins anew: nothing of the last one is asked for or signalled', () => {
  for (const policy of POLICIES) {
    const { guest, device, run } = program(policy, true);
    const first = run();
    for (const vector of [0, 2]) guest.setMask(vector, 1);
    device.sets.length = 0;
    expect(run(), policy).toEqual(first);
    expect(guest.vmm.errors).toEqual([]);
  }
});

describe('where the host has fewer vectors than are asked for', () => {
  test('all-at-enable asks again for as many as there are', () => {
    const { device, guest, sets } = program('all-at-enable', false);
    device.available = 2;
    expect(sets(() => guest.control(ENABLE))).toEqual(['0+3:-1,-1,-1', '0+2:-1,-1']);
    expect(guest.vmm.errors).toEqual(['SET_IRQS 0+3: there are only 2']);
  });

  test('growth only reports it, as QEMU does: the guest is not told', () => {
    const { device, guest, sets } = program('incremental', false);
    device.available = 2;
    guest.control(ENABLE);
    device.sets.length = 0;
    expect(sets(() => guest.setMask(2, 0))).toEqual(['0+0:none', '0+3:fd,-1,fd']);
    expect(guest.vmm.errors).toEqual(['SET_IRQS 0+3: there are only 2']);
    expect(device.triggers).toEqual([null, null, null]);
  });

  test('a refusal closes nothing the VMM needs: the next unmasking tries again', () => {
    for (const policy of POLICIES) {
      const { device, guest } = program(policy, true);
      guest.control(ENABLE);
      device.refuse = fail('EINVAL', 'no PASID yet');
      guest.setMask(1, 0);
      expect(guest.vmm.errors.at(-1)).toContain('no PASID yet');
      device.refuse = null;
      guest.setMask(1, 1);
      guest.setMask(1, 0);
      device.fire(1);
      guest.settle();
      expect([policy, guest.messages.length]).toEqual([policy, 1]);
    }
  });
});
