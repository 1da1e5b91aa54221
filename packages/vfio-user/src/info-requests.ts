// What the device is: DEVICE_GET_INFO, DEVICE_GET_REGION_INFO, DEVICE_GET_IRQ_INFO.
import { fail, ok } from '@siov/base';
import type { Result } from '@siov/base';
import { VFIO_IRQ_INFO, VFIO_REGION_INFO_FLAG } from '@siov/vfio';
import type { Message } from './framing.ts';
import type { RequestContext } from './request-context.ts';
import { DeviceInfoPayload, HEADER_SIZE, IrqInfoPayload, newMessage, RegionInfoPayload, RegionIoFdsPayload } from './wire.ts';

/** `argsz` says how large a reply the client has room for; less than the structure cannot be answered. */
function checkArgsz(name: string, argsz: number, size: number): Result<void, 'EINVAL'> {
  return argsz >= size ? ok() : fail('EINVAL', `${name}: argsz ${argsz} is below the structure's ${size}`);
}

export function handleDeviceInfo({ device }: RequestContext, { payload }: Message): Result<Uint8Array> {
  const asked = DeviceInfoPayload.read(payload);
  if (!asked.ok) return asked;
  const room = checkArgsz(DeviceInfoPayload.name, asked.value.argsz, DeviceInfoPayload.size);
  if (!room.ok) return room;
  const reply = newMessage(DeviceInfoPayload.size);
  DeviceInfoPayload.write(reply.subarray(HEADER_SIZE), { argsz: DeviceInfoPayload.size, ...device.info });
  return ok(reply);
}

/** No region can be mapped: one that could would make QEMU turn posted writes off for the whole device. */
export function handleRegionInfo({ device }: RequestContext, { payload }: Message): Result<Uint8Array> {
  const asked = RegionInfoPayload.read(payload);
  if (!asked.ok) return asked;
  const room = checkArgsz(RegionInfoPayload.name, asked.value.argsz, RegionInfoPayload.size);
  if (!room.ok) return room;
  const info = device.regionInfo(asked.value.index);
  if (!info.ok) return info;
  const { index, size } = info.value;
  const flags = info.value.flags & (VFIO_REGION_INFO_FLAG.READ | VFIO_REGION_INFO_FLAG.WRITE);
  const reply = newMessage(RegionInfoPayload.size);
  const values = { argsz: RegionInfoPayload.size, flags, index, capOffset: 0, size: BigInt(size), offset: 0n };
  RegionInfoPayload.write(reply.subarray(HEADER_SIZE), values);
  return ok(reply);
}

/** A region that exists has no ioeventfds: writes to it are messages. */
export function handleRegionIoFds({ device }: RequestContext, { payload }: Message): Result<Uint8Array> {
  const asked = RegionIoFdsPayload.read(payload);
  if (!asked.ok) return asked;
  const { argsz, index } = asked.value;
  const room = checkArgsz(RegionIoFdsPayload.name, argsz, RegionIoFdsPayload.size);
  if (!room.ok) return room;
  const info = device.regionInfo(index);
  if (!info.ok) return info;
  const reply = newMessage(RegionIoFdsPayload.size);
  RegionIoFdsPayload.write(reply.subarray(HEADER_SIZE), { argsz: RegionIoFdsPayload.size, flags: 0, index, count: 0 });
  return ok(reply);
}

/** NORESIZE is taken away: with it QEMU takes every vector down and up again for each one it adds (seen with 11.1). */
export function handleIrqInfo({ device }: RequestContext, { payload }: Message): Result<Uint8Array> {
  const asked = IrqInfoPayload.read(payload);
  if (!asked.ok) return asked;
  const room = checkArgsz(IrqInfoPayload.name, asked.value.argsz, IrqInfoPayload.size);
  if (!room.ok) return room;
  const info = device.irqInfo(asked.value.index);
  if (!info.ok) return info;
  const { index, count } = info.value;
  const flags = info.value.flags & ~VFIO_IRQ_INFO.NORESIZE;
  const reply = newMessage(IrqInfoPayload.size);
  IrqInfoPayload.write(reply.subarray(HEADER_SIZE), { argsz: IrqInfoPayload.size, flags, index, count });
  return ok(reply);
}
