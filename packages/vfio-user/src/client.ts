// A vfio-user client: what a VMM does with a device, as promises. For tests, and for driving a device without a VMM.
import { ERRNO, fail, ok } from '@siov/base';
import type { Errno, Result } from '@siov/base';
import type { DeviceInfo, IrqInfo, RegionInfo } from '@siov/vfio';
import { VFIO_IRQ_SET } from '@siov/vfio';
import { Channel } from './channel.ts';
import type { RequestOptions } from './channel.ts';
import { closeFd, connectUnix, SysError, unixSocket } from './sys.ts';
import { decodeVersion, encodeVersion, PROTOCOL } from './version.ts';
import type { Capabilities } from './version.ts';
import {
  COMMAND, DeviceInfoPayload, DMA_FLAG, DmaMap, DmaUnmap, IrqInfoPayload, IrqSetPayload, RegionAccess, RegionInfoPayload, UNMAP_FLAG,
  WriteMulti, WriteMultiEntry,
} from './wire.ts';

export interface ClientOptions {
  readonly socketPath: string;
  /** Proposed to the server; what QEMU proposes unless said. */
  readonly capabilities?: Capabilities;
}

const PROPOSED: Capabilities = { max_msg_fds: 16, max_data_xfer_size: 2 ** 20, pgsizes: 4096, max_dma_maps: 65535, write_multiple: true };

/** Memory for the device. Bytes; without `fd` the range is only announced. */
export interface ClientMapping {
  readonly iova: bigint;
  readonly size: bigint;
  readonly fd?: number;
  readonly offset?: bigint;
  /** Both unless said. */
  readonly access?: 'read' | 'write' | 'both';
}

/** SET_IRQS for interrupts from `start` on: eventfds (none: give `count` of them up), booleans, or neither. */
export interface ClientIrqSet {
  readonly index: number;
  readonly start: number;
  readonly count: number;
  readonly action: 'mask' | 'unmask' | 'trigger';
  readonly eventfds?: readonly number[];
  readonly bools?: readonly boolean[];
}

/** One write of a REGION_WRITE_MULTI; 1 to 8 bytes. */
export interface SmallWrite {
  readonly index: number;
  readonly offset: number;
  readonly data: Uint8Array;
}

const ACCESS = { read: DMA_FLAG.READ, write: DMA_FLAG.WRITE, both: DMA_FLAG.READ | DMA_FLAG.WRITE } as const;
const ACTION = { mask: VFIO_IRQ_SET.ACTION_MASK, unmask: VFIO_IRQ_SET.ACTION_UNMASK, trigger: VFIO_IRQ_SET.ACTION_TRIGGER } as const;

/** Every call fails with the errno the server answered, or `ENOTCONN` once the connection is lost. */
export class VfioUserClient {
  readonly #channel: Channel;
  /** What the server said of itself. */
  readonly capabilities: Capabilities;

  constructor(channel: Channel, capabilities: Capabilities) {
    this.#channel = channel;
    this.capabilities = capabilities;
  }

  /** Any command with any payload. */
  request(command: number, payload: Uint8Array = new Uint8Array(0), options?: RequestOptions): Promise<Result<Uint8Array>> {
    return this.#channel.request(command, payload, options);
  }

  async deviceInfo(): Promise<Result<DeviceInfo>> {
    const asked = DeviceInfoPayload.encode({ argsz: DeviceInfoPayload.size, flags: 0, numRegions: 0, numIrqs: 0 });
    return then(await this.request(COMMAND.DEVICE_GET_INFO, asked), DeviceInfoPayload.read);
  }

  async regionInfo(index: number): Promise<Result<RegionInfo>> {
    const asked = RegionInfoPayload.encode({ argsz: RegionInfoPayload.size, flags: 0, index, capOffset: 0, size: 0n, offset: 0n });
    const info = then(await this.request(COMMAND.DEVICE_GET_REGION_INFO, asked), RegionInfoPayload.read);
    return info.ok ? ok({ index: info.value.index, flags: info.value.flags, size: Number(info.value.size) }) : info;
  }

  async irqInfo(index: number): Promise<Result<IrqInfo>> {
    const asked = IrqInfoPayload.encode({ argsz: IrqInfoPayload.size, flags: 0, index, count: 0 });
    return then(await this.request(COMMAND.DEVICE_GET_IRQ_INFO, asked), IrqInfoPayload.read);
  }

  async regionRead(index: number, offset: number, count: number): Promise<Result<Uint8Array>> {
    const asked = RegionAccess.encode({ offset: BigInt(offset), region: index, count });
    const reply = await this.request(COMMAND.REGION_READ, asked);
    return reply.ok ? ok(reply.value.subarray(RegionAccess.size)) : reply;
  }

  /** With `noReply` the write is posted: the result says only that it was sent. */
  async regionWrite(index: number, offset: number, data: Uint8Array, options?: { noReply?: boolean }): Promise<Result<void>> {
    const payload = new Uint8Array(RegionAccess.size + data.length);
    RegionAccess.write(payload, { offset: BigInt(offset), region: index, count: data.length });
    payload.set(data, RegionAccess.size);
    return done(await this.request(COMMAND.REGION_WRITE, payload, options));
  }

  /** How many of the writes succeeded. */
  async writeMulti(writes: readonly SmallWrite[], options?: { noReply?: boolean }): Promise<Result<number>> {
    const payload = new Uint8Array(WriteMulti.size + writes.length * WriteMultiEntry.size);
    WriteMulti.write(payload, { count: BigInt(writes.length) });
    writes.forEach(({ index, offset, data }, position) => {
      const eight = new Uint8Array(8);
      eight.set(data);
      const value = new DataView(eight.buffer).getBigUint64(0, true);
      const entry = { offset: BigInt(offset), region: index, count: data.length, data: value };
      WriteMultiEntry.write(payload.subarray(WriteMulti.size + position * WriteMultiEntry.size), entry);
    });
    const reply = await this.request(COMMAND.REGION_WRITE_MULTI, payload, options);
    if (!reply.ok) return reply;
    if (options?.noReply === true) return ok(writes.length);
    const count = WriteMulti.read(reply.value);
    return count.ok ? ok(Number(count.value.count)) : count;
  }

  async dmaMap({ iova, size, fd, offset = 0n, access = 'both' }: ClientMapping): Promise<Result<void>> {
    const payload = DmaMap.encode({ argsz: DmaMap.size, flags: ACCESS[access], offset, address: iova, size });
    return done(await this.request(COMMAND.DMA_MAP, payload, fd === undefined ? {} : { fds: [fd] }));
  }

  async dmaUnmap(iova: bigint, size: bigint): Promise<Result<void>> {
    return done(await this.request(COMMAND.DMA_UNMAP, DmaUnmap.encode({ argsz: DmaUnmap.size, flags: 0, address: iova, size })));
  }

  async dmaUnmapAll(): Promise<Result<void>> {
    const payload = DmaUnmap.encode({ argsz: DmaUnmap.size, flags: UNMAP_FLAG.ALL, address: 0n, size: 0n });
    return done(await this.request(COMMAND.DMA_UNMAP, payload));
  }

  async setIrqs({ index, start, count, action, eventfds, bools }: ClientIrqSet): Promise<Result<void>> {
    const kind = eventfds === undefined ? (bools === undefined ? VFIO_IRQ_SET.DATA_NONE : VFIO_IRQ_SET.DATA_BOOL) : VFIO_IRQ_SET.DATA_EVENTFD;
    const payload = new Uint8Array(IrqSetPayload.size + (bools?.length ?? 0));
    IrqSetPayload.write(payload, { argsz: payload.length, flags: kind | ACTION[action], index, start, count });
    payload.set((bools ?? []).map(Number), IrqSetPayload.size);
    return done(await this.request(COMMAND.DEVICE_SET_IRQS, payload, { fds: eventfds ?? [] }));
  }

  async reset(): Promise<Result<void>> {
    return done(await this.request(COMMAND.DEVICE_RESET));
  }

  /** Leaves without a word, as a VMM that quits does. */
  close(): void {
    this.#channel.close();
  }
}

function then<T>(reply: Result<Uint8Array>, read: (bytes: Uint8Array) => Result<T>): Result<T> {
  return reply.ok ? read(reply.value) : reply;
}

function done(reply: Result<Uint8Array>): Result<void> {
  return reply.ok ? ok() : reply;
}

/**
 * Connects and agrees on a version. Fails with what connect(2) gave (`ENOENT`: nobody made the socket; `EIO`: nobody
 * listens on it), `EBUSY` when the server has a client, `EPROTO` when its answer makes no sense.
 */
export async function connectVfioUser({ socketPath, capabilities = PROPOSED }: ClientOptions): Promise<Result<VfioUserClient>> {
  const channel = openChannel(socketPath);
  if (!channel.ok) return channel;
  const reply = await channel.value.request(COMMAND.VERSION, encodeVersion({ ...PROTOCOL, capabilities }));
  const version = reply.ok ? decodeVersion(reply.value) : reply;
  if (!version.ok) {
    channel.value.close();
    return reply.ok ? fail('EPROTO', version.message) : version;
  }
  return ok(new VfioUserClient(channel.value, version.value.capabilities));
}

function openChannel(path: string): Result<Channel> {
  const fd = unixSocket();
  try {
    connectUnix(fd, path);
    return ok(new Channel(fd));
  } catch (error) {
    closeFd(fd);
    const known = error instanceof SysError && Object.hasOwn(ERRNO, error.code);
    return fail(known ? (error.code as Errno) : 'EIO', `${path}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
