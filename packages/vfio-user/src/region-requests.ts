// Access to the device's regions: REGION_READ, REGION_WRITE, REGION_WRITE_MULTI.
import { fail, ok } from '@siov/base';
import type { Result } from '@siov/base';
import { VFIO_REGION_INFO_FLAG } from '@siov/vfio';
import type { Message } from './framing.ts';
import type { RequestContext } from './request-context.ts';
import { commandName, HEADER_SIZE, newMessage, RegionAccess, WriteMulti, WriteMultiEntry } from './wire.ts';
import type { ValuesOf } from './layout.ts';

type AccessValues = ValuesOf<typeof RegionAccess>;

/** The offset as a number, if the whole access lies in its region and the region allows it. */
function checkAccess(session: RequestContext, what: string, access: AccessValues, needed: number): Result<number, 'EINVAL'> {
  const { offset, region, count } = access;
  const where = `${what}: region ${region}, 0x${offset.toString(16)}+${count}`;
  if (count === 0 || count > session.limits.maxTransfer) return fail('EINVAL', `${where}: not 1 to ${session.limits.maxTransfer} bytes`);
  const info = session.device.regionInfo(region);
  if (!info.ok) return info;
  if (offset + BigInt(count) > BigInt(info.value.size)) return fail('EINVAL', `${where}: outside of its ${info.value.size} bytes`);
  if ((info.value.flags & needed) !== needed) return fail('EINVAL', `${where}: the region does not allow it`);
  return ok(Number(offset));
}

export function handleRegionRead(session: RequestContext, { header, payload }: Message): Result<Uint8Array> {
  const what = commandName(header.command);
  const access = RegionAccess.read(payload);
  if (!access.ok) return access;
  const offset = checkAccess(session, what, access.value, VFIO_REGION_INFO_FLAG.READ);
  if (!offset.ok) return offset;
  const { region, count } = access.value;
  const reply = newMessage(RegionAccess.size + count);
  RegionAccess.write(reply.subarray(HEADER_SIZE), access.value);
  const into = reply.subarray(HEADER_SIZE + RegionAccess.size);
  const done = session.call(what, session.device.regionRead(region, offset.value, into));
  return done.ok ? ok(reply) : done;
}

export function handleRegionWrite(session: RequestContext, { header, payload }: Message): Result<Uint8Array> {
  const access = RegionAccess.read(payload);
  if (!access.ok) return access;
  const data = payload.subarray(RegionAccess.size);
  if (data.length !== access.value.count) {
    return fail('EINVAL', `REGION_WRITE: count ${access.value.count}, but ${data.length} bytes of data`);
  }
  const done = write(session, commandName(header.command), access.value, data);
  if (!done.ok) return done;
  const reply = newMessage(RegionAccess.size);
  RegionAccess.write(reply.subarray(HEADER_SIZE), access.value);
  return ok(reply);
}

/**
 * Many small writes in one message, in order. Each is attempted, as if it had come alone: the client posted them, and
 * one that fails says nothing of the next. The reply counts those that succeeded.
 */
export function handleWriteMulti(session: RequestContext, { header, payload }: Message): Result<Uint8Array> {
  const what = commandName(header.command);
  if (!session.writeMultiple) return fail('EOPNOTSUPP', `${what} was not negotiated`);
  const list = WriteMulti.read(payload);
  if (!list.ok) return list;
  const bytes = payload.subarray(WriteMulti.size);
  if (BigInt(bytes.length) !== list.value.count * BigInt(WriteMultiEntry.size)) {
    return fail('EINVAL', `${what}: ${list.value.count} writes do not fill ${bytes.length} bytes`);
  }
  const done = writeEach(session, what, bytes);
  if (!done.ok) return done;
  const reply = newMessage(WriteMulti.size);
  WriteMulti.write(reply.subarray(HEADER_SIZE), { count: done.value });
  return ok(reply);
}

const MULTI_DATA = WriteMultiEntry.size - 8;

function writeEach(session: RequestContext, what: string, bytes: Uint8Array): Result<bigint> {
  for (let at = 0; at < bytes.length; at += WriteMultiEntry.size) {
    const entry = WriteMultiEntry.read(bytes.subarray(at));
    if (entry.ok && entry.value.count > 8) return fail('EINVAL', `${what}: a write of ${entry.value.count} bytes, at most 8 fit`);
  }
  let done = 0n;
  for (let at = 0; at < bytes.length; at += WriteMultiEntry.size) {
    const entry = WriteMultiEntry.read(bytes.subarray(at));
    if (!entry.ok) return entry;
    const data = bytes.subarray(at + MULTI_DATA, at + MULTI_DATA + entry.value.count);
    if (write(session, what, entry.value, data).ok) done += 1n;
  }
  return ok(done);
}

function write(session: RequestContext, what: string, access: AccessValues, data: Uint8Array): Result<void> {
  const offset = checkAccess(session, what, access, VFIO_REGION_INFO_FLAG.WRITE);
  if (!offset.ok) return offset;
  return session.call(what, session.device.regionWrite(access.region, offset.value, data));
}
