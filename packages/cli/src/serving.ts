// Devices on sockets: what `serve` and `guest` share.
import { resolve } from 'node:path';
import { DSA_SMALL, DSA_SPR } from '@siov/datasheet';
import type { DsaProfile } from '@siov/datasheet';
import { aliasPasids, asConfigurable, combineWrites, mediatedDevices, mostMediatedDevices, physicalDevice } from '@siov/scenarios';
import type { Host, HostOptions, MediatedDevices } from '@siov/scenarios';
import { VFIO_PCI_REGION } from '@siov/vfio';
import type { VfioDevice } from '@siov/vfio';
import { serveVfioUser } from '@siov/vfio-user';
import type { VfioUserEvent, VfioUserServer } from '@siov/vfio-user';
import { UsageError } from './errors.ts';
import { countSignals } from './signals.ts';

/** Physical functions that can be served as they are. */
export const PROFILES: Readonly<Record<string, DsaProfile>> = { spr: DSA_SPR, small: DSA_SMALL };

/** As many virtual devices as the function has work queues for. */
export const MOST_DEVICES = mostMediatedDevices();

export interface ServeRequest {
  /** Of the first device; those of others are made from it ({@link socketPaths}). */
  readonly socketPath: string;
  /** Virtual devices of one function, each on a socket of its own; 1 unless given. */
  readonly devices?: number;
  /** A key of {@link PROFILES}; mediated devices of one work queue each unless given. */
  readonly profile?: string;
  /** The guest has PASIDs of its own; none unless given. Not for a physical function. */
  readonly guestPasids?: GuestPasidOptions;
  readonly trace?: NonNullable<HostOptions['trace']>;
  /** `device`: which one, from 0. */
  readonly onEvent?: (event: VfioUserEvent, device: number) => void;
}

/** For a guest behind QEMU's virtual IOMMU, which has no way to tell a server of PASIDs. */
export interface GuestPasidOptions {
  /** Each PASID the guest names reaches what its DMA without PASID reaches: right for `iommu=pt` only. True unless said. */
  readonly aliased?: boolean;
  /** The guest believes that it configures the queue, without which the stock driver gives it no PASID. True unless said. */
  readonly configurable?: boolean;
}

/** One device on its socket. */
export interface Served {
  readonly server: VfioUserServer;
  /** The mediated device's name, which its interrupts have in the host's table; the function's where it is served itself. */
  readonly name: string;
  /** How often each vector's eventfd was signalled. */
  readonly signals: readonly number[];
}

export interface Serving {
  readonly host: Host;
  readonly devices: readonly Served[];
  /** What is served, in a few words. */
  readonly what: string;
  close(): void;
}

/** Where `count` devices listen: the path as it is for the first, with `.1`, `.2` and so on behind it for the others. */
export function socketPaths(path: string, count: number): string[] {
  return Array.from({ length: count }, (_, index) => (index === 0 ? path : `${path}.${index}`));
}

/** The option's number of devices. Throws {@link UsageError} when the function has not as many. */
export function deviceCount(text: string, profile: string | undefined): number {
  const count = Number(text);
  if (!(Number.isInteger(count) && count >= 1 && count <= MOST_DEVICES)) throw new UsageError(`--devices ${text}: not a whole number from 1 to ${MOST_DEVICES}`);
  if (profile !== undefined && count > 1) throw new UsageError(`--devices ${text}: there is one physical function ${profile}; several devices are virtual ones`);
  return count;
}

/** Builds the devices and listens. Throws {@link UsageError} when it cannot; then nothing listens. */
export function serveDsa(request: ServeRequest): Serving {
  const { trace, onEvent } = request;
  const paths = socketPaths(request.socketPath, request.devices ?? 1);
  const { host, devices, what } = composeDevices(paths.length, request, trace === undefined ? {} : { trace });
  const served: Served[] = [];
  const close = () => served.forEach(({ server }) => server.close());
  for (const [index, device] of devices.entries()) {
    const path = paths[index] ?? '';
    const counted = countSignals(device);
    const server = serveVfioUser({
      socketPath: path,
      device: combineWrites(host.state, counted.device, VFIO_PCI_REGION.BAR2),
      run: (steps) => runInTrap(host, steps),
      ...(onEvent === undefined ? {} : { onEvent: (event: VfioUserEvent) => onEvent(event, index) }),
    });
    if (!server.ok) {
      close();
      throw new UsageError(`cannot serve on ${path}: ${server.message}`);
    }
    served.push({ server: server.value, name: device.name, signals: counted.signals });
  }
  return { host, devices: served, what, close };
}

/** The thread that handles a request is the vCPU's in its trap: with one vCPU and no other requester there is one. */
const TRAP = { name: 'VC0/host', layer: 'vfio-user' };

function runInTrap<T>({ executor }: Host, steps: Parameters<typeof executor.run<T>>[1]): T {
  const result = executor.run(TRAP, steps);
  executor.settle();
  return result;
}

interface Composed {
  readonly host: Host;
  readonly devices: readonly VfioDevice[];
  readonly what: string;
}

function composeDevices(count: number, { profile, guestPasids }: ServeRequest, options: HostOptions): Composed {
  if (profile === undefined) {
    const made = mediatedDevices(count, { ...options, pasid: guestPasids !== undefined });
    const what = count === 1 ? 'a virtual DSA of one work queue' : `${count} virtual DSAs of one work queue each`;
    return { host: made.host, devices: guestPasids === undefined ? made.devices.map(({ vfio }) => vfio) : withPasids(made, guestPasids), what };
  }
  const chosen = PROFILES[profile];
  if (chosen === undefined) throw new UsageError(`there is no profile ${profile}; there are ${Object.keys(PROFILES).join(' and ')}`);
  const { host, vfio } = physicalDevice(chosen, options);
  return { host, devices: [vfio], what: `the physical function ${chosen.name}` };
}

function withPasids({ host, devices }: MediatedDevices, { aliased = true, configurable = true }: GuestPasidOptions): VfioDevice[] {
  return devices.map(({ vfio, layout }) => {
    const device = aliased ? aliasPasids(host.state, vfio, layout) : vfio;
    return configurable ? asConfigurable(device) : device;
  });
}

/** Throws {@link UsageError}: a physical function's PASIDs would be its guest's IOMMU's to give, and there is no way to them. */
export function checkViommu(viommu: boolean, profile: string | undefined): void {
  if (viommu && profile !== undefined) throw new UsageError(`--viommu: the physical function ${profile} has no PASIDs for a guest; virtual devices have`);
}

/** QEMU's `-device` argument for a socket, quoted for a shell. QEMU may be started from any folder. */
export function qemuDeviceOption(socketPath: string): string {
  const json = JSON.stringify({ driver: 'vfio-user-pci', socket: { type: 'unix', path: resolve(socketPath) } });
  return `'${json.replaceAll("'", "'\\''")}'`;
}
