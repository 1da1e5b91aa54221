import { openSync } from 'node:fs';
import { must } from '@siov/base';
import { describe, expect, test } from 'vitest';
import { realEventFd } from '../src/eventfd.ts';
import { closeFd, dup, eventfd, readEventFd, unixSocket, writeFd } from '../src/sys.ts';
import { openFds } from './server-harness.ts';

describe('realEventFd', () => {
  test('signals add up on the other side', () => {
    const fd = eventfd();
    const irq = must(realEventFd(dup(fd), 'irq 2.1'), 'wrapping');
    irq.signal();
    irq.signal();
    expect([readEventFd(fd), readEventFd(fd)]).toEqual([2n, 0n]);
    expect(irq.name).toBe('irq 2.1');
    irq.close();
    closeFd(fd);
  });

  test.each([[false], [true]])('a full counter drops the signal and does not block (blocking descriptor: %s)', (blocking) => {
    const fd = eventfd(blocking);
    const dropped: string[] = [];
    const irq = must(realEventFd(dup(fd), 'irq', { onDropped: (code) => dropped.push(code) }), 'wrapping');
    expect(writeFd(fd, new Uint8Array(new BigUint64Array([0xffff_ffff_ffff_fffen]).buffer))).toBeUndefined();
    irq.signal();
    expect(dropped).toEqual(['EAGAIN']);
    readEventFd(fd);
    irq.signal();
    expect(readEventFd(fd)).toBe(1n);
    irq.close();
    closeFd(fd);
  });

  test('is closed once, and silent afterwards', () => {
    const before = openFds();
    const fd = eventfd();
    let closed = 0;
    const irq = must(realEventFd(dup(fd), 'irq', { onClose: () => void (closed += 1) }), 'wrapping');
    irq.close();
    irq.signal();
    irq.close();
    expect(closed).toBe(1);
    expect(readEventFd(fd)).toBe(0n);
    closeFd(fd);
    expect(openFds()).toBe(before);
  });

  test('anything else is refused and closed', () => {
    const before = openFds();
    for (const fd of [unixSocket(), openSync('/dev/null', 'r+'), 987654]) {
      expect(realEventFd(fd, 'irq 0.0')).toMatchObject({ ok: false, errno: 'EINVAL' });
    }
    expect(openFds()).toBe(before);
  });
});
