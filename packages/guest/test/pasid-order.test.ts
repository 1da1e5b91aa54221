// The order that correctness depends on: PASID, permission, interrupt, handle, descriptor.
import { describe, expect, test } from 'vitest';
import { ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { COMMAND, COMMAND_ERROR, DSA_SMALL, MsixEntry } from '@siov/datasheet';
import { deviceMsi, pciMsixAllocIrqAt, pciMsixFreeIrq } from '@siov/irq';
import { freePermittedIrq, imsPermissions, msixPermissions, Permissions, requestPermittedIrq } from '../src/index.ts';
import type { GrantedPermission, PasidBinding } from '../src/index.ts';
import { command, free, permission, request } from './accesses.ts';
import { bound, makeGuest, recordedPasids } from './recorded-function.ts';

const SYSTEM = 5;
const modeOf = (pasid: number) => (0x10000001 + pasid * 0x100).toString(16);

/** A driver with PASIDs on the function that its host has fixed. */
function guestWithPasid() {
  let made: ReturnType<typeof recordedPasids> | undefined;
  const guest = bound({}, (each) => ({ pasids: (made = recordedPasids(each, { system: SYSTEM })).pasids }));
  if (made === undefined) throw new Error('no PASIDs');
  return { ...guest, ...made };
}

describe('R16: the PASID is known before any interrupt', () => {
  test('the system PASID is bound after the reset, user interrupts are made legal for it, and only then MSI-X is touched', () => {
    const guest = makeGuest();
    const { pasids } = recordedPasids(guest, { system: SYSTEM });
    const driver = guest.probe({ pasids });
    const accesses = guest.take();
    expect(accesses.slice(0, 9)).toEqual(['WPCICMD = 6', 'R32 0', 'R32 90', 'W32 a0 = 500000', 'R32 a8', 'bind system 5', 'R32 80', 'W32 80 = 1000', 'R64 10']);
    expect(accesses.findIndex((each) => /MSGCTL|MSIX/.test(each))).toBeGreaterThan(accesses.indexOf('bind system 5'));
    expect(driver.ok && driver.value.systemPasid).toBe(SYSTEM);
  });

  test('without one the kernel works without, and says so', () => {
    const guest = makeGuest();
    const { pasids, refuse } = recordedPasids(guest);
    refuse.system = true;
    const driver = guest.probe({ pasids });
    expect(driver.ok && driver.value.systemPasid).toBeNull();
    expect(guest.core.log.lines).toEqual(['vdsa0: No in-kernel DMA with PASID. -ENOSPC: no PASID is left']);
    expect(guest.take()).not.toContain('W32 80 = 1000');
    const [queue] = driver.ok ? driver.value.queues : [];
    if (queue === undefined) throw new Error('no queue');
    guest.run(queue.enable());
    expect(guest.take()).toEqual([...command('80600000'), ...request(1), ...command('80d00001')]);
    // Nobody's interrupt needs to be made legal for a PASID.
    expect(driver.ok && guest.run(driver.value.enable()).ok).toBe(true);
    expect(guest.take()).toEqual(['R32 90', ...command('80100000')]);
  });

  test('a probe that fails after it unbinds it', () => {
    const guest = makeGuest({ nrIrqs: 17 });
    const made = recordedPasids(guest);
    expect(guest.probe({ pasids: made.pasids })).toMatchObject({ errno: 'ENOSPC' });
    expect([guest.take().at(-1), made.bound.size]).toEqual(['unbind 5', 0]);
  });
});

describe('R17, R20: the permission entry is written before the interrupt is requested', () => {
  test('PASID into WQCFG, Enable WQ, permission entry, request_irq, Request Interrupt Handle, first descriptor', () => {
    const { queue, run, take } = guestWithPasid();
    run(queue.enable());
    run(queue.copy(0x1000n, 0x2000n, 3, 0x40n));
    expect(take()).toEqual([
      'R32 408', `W32 408 = ${modeOf(SYSTEM)}`, ...command('80600000'), permission(1, SYSTEM), ...request(1), ...command('80d00001'), 'portal 1000:64',
    ]);
  });

  test('when the entry is written the vector is masked, and it is open only with the entry in force', () => {
    const { queue, run, bar0, take } = guestWithPasid();
    run(queue.enable());
    const accesses = take();
    expect(accesses.indexOf(permission(1, SYSTEM))).toBeLessThan(accesses.indexOf('WMSIX[1].CONTROL = 0'));
    expect(accesses.indexOf('WMSIX[1].CONTROL = 0')).toBeGreaterThan(0);
    expect(MsixEntry.Control.mask.get(bar0.get(MsixEntry.Control, 0x2000 + 16 + MsixEntry.Control.offset))).toBe(0);
  });

  test('back: drain, free_irq, handle, entry cleared, Reset WQ; at removal the PASID last of all', () => {
    const { driver, queue, run, take, bound: held, counters } = guestWithPasid();
    run(driver.enable());
    run(queue.enable());
    take();
    expect(run(driver.remove()).ok).toBe(true);
    expect(take()).toEqual([
      ...command('80800001'), ...free(1), 'W32 a0 = e00041', 'R32 a8', 'R32 a8', permission(1, null), ...command('80a00001'),
      'R32 90', ...command('80200000'), 'R32 90', 'R32 88', 'W32 88 = 0', ...free(0), 'WMSGCTL = 1', 'unbind 5',
    ]);
    expect([held.size, counters()]).toEqual([0, { virqs: 0, reserved: 0, assigned: 0, managed: 0 }]);
  });

  test('a queue that is disabled has no PASID, and takes no descriptor: none is stored to its portal', () => {
    const { queue, run, take } = guestWithPasid();
    run(queue.enable());
    run(queue.disable());
    take();
    expect([queue.pasid, run(queue.submit({})), run(queue.copy(0n, 0n, 1, 0x40n))]).toMatchObject([null, { errno: 'ENXIO' }, { errno: 'ENXIO' }]);
    expect(take()).toEqual([]);
  });

  test('a PASID that is held by somebody else is EBUSY, and everything else is gone', () => {
    const { driver, run, refuse, counters } = guestWithPasid();
    refuse.unbind = true;
    expect(run(driver.remove())).toMatchObject({ errno: 'EBUSY' });
    expect(counters()).toEqual({ virqs: 0, reserved: 0, assigned: 0, managed: 0 });
  });

  test.each([
    ['its handle', COMMAND.REQUEST_INTERRUPT_HANDLE, COMMAND_ERROR.NO_INTERRUPT_HANDLE, [...free(1), permission(1, null), ...command('80a00001'), 'W32 408 = 1']],
    ['Enable WQ', COMMAND.ENABLE_WQ, COMMAND_ERROR.WQ_PASID_ENABLE, [...command('80600000'), 'W32 408 = 1']],
  ])('refused %s, the queue has neither permission nor PASID', (_name, code, error, last) => {
    const { queue, run, errors, take } = guestWithPasid();
    errors.set(code, error);
    expect(run(queue.enable())).toMatchObject({ errno: 'EIO' });
    expect([take().slice(-last.length), queue.pasid, queue.handle, queue.enabled]).toEqual([last, null, -1, false]);
    errors.clear();
    expect(run(queue.enable()).ok).toBe(true);
  });

  /** Compiled, never called. */
  function misuse(permissions: Permissions, granted: GrantedPermission): Steps<unknown>[] {
    const line = { name: 'idxd-portal', devId: permissions, *thread() { return 'handled' as const; } };
    return [
      // @ts-expect-error -- an interrupt number is no permission
      requestPermittedIrq(17, line),
      // @ts-expect-error -- nor is asking for one
      requestPermittedIrq(permissions.grant(1, { pasid: 5 }), line),
      // @ts-expect-error -- nor is what looks like one
      requestPermittedIrq({ vector: 1, virq: 17, entry: { index: 1, ims: false }, pasid: 5, owner: permissions }, line),
      requestPermittedIrq(granted, line),
      // @ts-expect-error -- what has no permission has no interrupt to free
      freePermittedIrq(17, line),
    ];
  }

  test('a permission is granted by Permissions alone', () => {
    expect(misuse).toBeInstanceOf(Function);
  });
});

describe('R19: one driver, on a host and in a guest', () => {
  /** Everything from probe to removal, of one queue, on a host that has to configure it. */
  function life(options: { readonly ims: boolean; readonly in?: 'host' | 'guest' }) {
    const onHost = options.in !== 'guest';
    const guest = makeGuest(onHost ? { profile: DSA_SMALL } : {});
    const { pasids } = recordedPasids(guest, { system: SYSTEM });
    const alloc = function* (vector: number, binding: PasidBinding | null): Steps<Result<{ virq: number; index: number }, 'ENOSPC'>> {
      guest.log.push(`ims alloc ${vector} for ${binding?.pasid}`);
      const desc = yield* pciMsixAllocIrqAt(guest.device, vector);
      if (!desc.ok) throw new Error(desc.message);
      return ok({ virq: desc.value.virq, index: 0x30 + vector });
    };
    const release = function* (vector: number): Steps<void> {
      guest.log.push(`ims free ${vector}`);
      yield* pciMsixFreeIrq(guest.device, vector);
    };
    const permissions = options.ims ? { permissions: imsPermissions({ alloc, free: release }) } : {};
    const probed = guest.probe({ pasids, ...(onHost && { queues: [{ index: 0, group: 0, mode: 'dedicated', size: 16 }] }), ...permissions });
    if (!probed.ok) throw new Error(probed.message);
    const [queue] = probed.value.queues;
    if (queue === undefined) throw new Error('no queue');
    const vectors = deviceMsi(guest.device)?.descs.size;
    guest.run(probed.value.enable());
    const before = guest.take().length;
    guest.run(queue.enable());
    guest.run(queue.copy(0n, 0n, 1, 0x40n));
    guest.run(queue.disable());
    const [accesses, counters] = [guest.take(), () => guest.counters()];
    guest.run(probed.value.remove());
    return { accesses, counters: counters(), vectors, before, submissions: guest.submissions };
  }

  /** Without the permission, and without what the store's interrupt is in place of. */
  const shared = (accesses: readonly string[]) => accesses.filter((each) => !/^W32 208|ims|MSIX|portal/.test(each)).map((each) => each.replace(/= (80d|e)\w+$/, '= $1'));

  test('with the store of the host the accesses are the same, but for the permission table', () => {
    const [msix, ims] = [life({ ims: false }), life({ ims: true })];
    expect(shared(ims.accesses)).toEqual(shared(msix.accesses));
    expect(msix.accesses.filter((each) => each.startsWith('W32 208'))).toEqual([permission(1, SYSTEM), permission(1, null)]);
    expect(ims.accesses.some((each) => each.startsWith('W32 208'))).toBe(false);
    expect(ims.accesses.filter((each) => each.startsWith('ims'))).toEqual(['ims alloc 1 for 5', 'ims free 1']);
    expect([msix.vectors, ims.vectors]).toEqual([3, 1]);
    expect([msix.counters, ims.counters]).toEqual([{ virqs: 0, reserved: 0, assigned: 0, managed: 0 }, { virqs: 0, reserved: 0, assigned: 0, managed: 0 }]);
  });

  /** Without what configures the device as well: a guest finds that done by its host. */
  const driving = (accesses: readonly string[]) => shared(accesses).filter((each) => !/^[RW]\d+ [34]\w\w( |$)/.test(each));

  test('a host with its store and a guest with its table: the accesses are the same, but for the permission table', () => {
    const [host, guest] = [life({ ims: true }), life({ ims: false, in: 'guest' })];
    expect(driving(host.accesses)).toEqual(driving(guest.accesses));
    expect(driving(guest.accesses).length).toBeGreaterThan(20);
    expect(guest.accesses.filter((each) => each.startsWith('W32 208'))).toEqual([permission(1, SYSTEM), permission(1, null)]);
    expect(host.accesses.some((each) => each.startsWith('W32 208'))).toBe(false);
    // With a table on both sides, there is no difference at all.
    expect(life({ ims: false }).accesses.filter((each) => !/ [34]\w\w( |$)/.test(each))).toEqual(guest.accesses.filter((each) => !/ [34]\w\w( |$)/.test(each)));
  });

  test('the store’s entry is named in the handle’s request and release, and its page takes the descriptor', () => {
    const { accesses, submissions } = life({ ims: true });
    expect(accesses).toContain('W32 a0 = 80d10031');
    expect(accesses).toContain('W32 a0 = e10071');
    expect(accesses).toContain('portal 3000:64');
    expect(submissions[0]?.bytes[36]).toBe(0x71);
  });
});

describe('a permission', () => {
  const line = { name: 'line', devId: 'me', *thread() { return 'handled' as const; } };

  function granted() {
    const guest = makeGuest();
    const driver = guest.probe();
    if (!driver.ok) throw new Error(driver.message);
    const virqs = [0, 1].map((vector) => deviceMsi(guest.device)?.virq(vector) ?? 0);
    const permissions = new Permissions(guest.core, msixPermissions, { function: driver.value.function, msixperm: 0x200, virqs });
    const made = guest.run(permissions.grant(1, { pasid: 0xfffff }));
    if (!made.ok) throw new Error(made.message);
    return { ...guest, permissions, permission: made.value };
  }

  test('whose interrupt was refused is not in use: it can be revoked', () => {
    const { run, permissions, permission: made, take } = granted();
    expect(run(requestPermittedIrq(made, { name: 'line', devId: 'me' }))).toMatchObject({ errno: 'EINVAL' });
    take();
    run(permissions.revoke(made, { unused: true }));
    expect(take()).toEqual([permission(1, null)]);
  });

  test('that was revoked requests nothing', () => {
    const { run, permissions, permission: made } = granted();
    run(permissions.revoke(made));
    expect(() => run(requestPermittedIrq(made, line))).toThrow('the permission of vector 1 was revoked');
    const again = run(permissions.grant(1, null));
    expect(() => run(requestPermittedIrq(made, line))).toThrow('the permission of vector 1 was revoked');
    expect(again.ok && run(requestPermittedIrq(again.value, line)).ok).toBe(true);
  });

  test('is not revoked under its interrupt, and there is one a vector', () => {
    const { run, permissions, permission: made, take } = granted();
    run(requestPermittedIrq(made, line));
    take();
    expect(() => run(permissions.revoke(made))).toThrow('the permission of vector 1 is revoked while its interrupt is requested');
    expect(() => run(permissions.grant(1, null))).toThrow('vector 1 has a permission already');
    expect(take()).toEqual([]);
    run(freePermittedIrq(made, 'me'));
    run(permissions.revoke(made));
    expect(take()).toEqual([...free(1), permission(1, null)]);
  });
});
