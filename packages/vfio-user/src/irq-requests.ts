// Interrupts and reset: DEVICE_SET_IRQS, DEVICE_RESET.
import { fail, ok } from '@siov/base';
import type { EventFd, Result } from '@siov/base';
import { IRQ_SET_HEADER_SIZE, irqAction, validateIrqSet, VFIO_IRQ_SET } from '@siov/vfio';
import type { IrqSet, IrqSetData } from '@siov/vfio';
import type { Message } from './framing.ts';
import type { ValuesOf } from './layout.ts';
import type { RequestContext } from './request-context.ts';
import { IrqSetPayload, newMessage } from './wire.ts';

type IrqSetValues = ValuesOf<typeof IrqSetPayload>;

/**
 * VFIO_DEVICE_SET_IRQS with the eventfds beside the bytes instead of in them. None at all means fd -1 for every
 * interrupt named: give it up.
 */
export function handleSetIrqs(session: RequestContext, message: Message): Result<Uint8Array> {
  const { device } = session;
  const asked = IrqSetPayload.read(message.payload);
  if (!asked.ok) return asked;
  const { flags, index, count } = asked.value;
  const numIrqs = irqCount(session, index);
  const valid = validateIrqSet(asKernelHeader(asked.value, message.payload.length), numIrqs, device.info.numIrqs);
  if (!valid.ok) return valid;
  const action = irqAction(flags);
  if (action === undefined) return fail('EINVAL', `SET_IRQS: flags 0x${flags.toString(16)} name no action`);
  const expected = (flags & VFIO_IRQ_SET.DATA_EVENTFD) !== 0 ? [0, count] : [0];
  if (!expected.includes(message.fds.length)) {
    return fail('EINVAL', `SET_IRQS: ${message.fds.length} descriptors for ${count} interrupts`);
  }
  const data = dataOf(session, asked.value, message);
  if (!data.ok) return data;
  const set: IrqSet = { index, start: asked.value.start, count, action, data: data.value };
  return setIrqs(session, set);
}

function setIrqs(session: RequestContext, set: IrqSet): Result<Uint8Array> {
  try {
    const done = session.call('SET_IRQS', session.device.setIrqs(set));
    if (!done.ok) return done;
    // The protocol has no positive answer: that there are fewer vectors is an error there.
    return done.value === 0 ? ok(newMessage(0)) : fail('ENOSPC', `SET_IRQS: ${done.value} of ${set.start + set.count} vectors could be had`);
  } catch (error) {
    // A device that threw did not get to keep what it was given.
    if (set.data.kind === 'eventfd') for (const fd of set.data.fds) fd?.close();
    throw error;
  }
}

function irqCount({ device }: RequestContext, index: number): number {
  const info = device.irqInfo(index);
  return info.ok ? info.value.count : 0;
}

/** The header as an ioctl would have had it: there `argsz` covers the data, and eventfds are 32-bit data. */
function asKernelHeader(asked: IrqSetValues, payloadLength: number): IrqSetValues {
  if (asked.argsz < IRQ_SET_HEADER_SIZE) return asked;
  const eventfds = (asked.flags & VFIO_IRQ_SET.DATA_EVENTFD) !== 0;
  return { ...asked, argsz: eventfds ? IRQ_SET_HEADER_SIZE + 4 * asked.count : payloadLength };
}

function dataOf(session: RequestContext, asked: IrqSetValues, message: Message): Result<IrqSetData, 'EINVAL'> {
  const { flags, count } = asked;
  if ((flags & VFIO_IRQ_SET.DATA_NONE) !== 0) return ok({ kind: 'none' });
  if ((flags & VFIO_IRQ_SET.DATA_BOOL) !== 0) {
    const bytes = message.payload.subarray(IRQ_SET_HEADER_SIZE, IRQ_SET_HEADER_SIZE + count);
    return ok({ kind: 'bool', values: Array.from(bytes, (byte) => byte !== 0) });
  }
  if (message.fds.length === 0) return ok({ kind: 'eventfd', fds: Array.from({ length: count }, () => null) });
  return wrapEventFds(session, asked, message.fds);
}

/** All of `fds` as eventfds, or none: a refused one closes those before it; the session closes those after it. */
function wrapEventFds(session: RequestContext, { index, start }: IrqSetValues, fds: number[]): Result<IrqSetData, 'EINVAL'> {
  const wrapped: EventFd[] = [];
  for (let fd = fds.shift(); fd !== undefined; fd = fds.shift()) {
    const eventFd = session.ports.eventFd(fd, `irq ${index}.${start + wrapped.length}`);
    if (!eventFd.ok) {
      for (const earlier of wrapped) earlier.close();
      return eventFd;
    }
    wrapped.push(eventFd.value);
  }
  return ok({ kind: 'eventfd', fds: wrapped });
}

export function handleReset(session: RequestContext): Result<Uint8Array> {
  session.call('RESET', session.device.reset());
  return ok(newMessage(0));
}
