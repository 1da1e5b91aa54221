// A device on a socket: what `serve` and `guest` share.
import { resolve } from 'node:path';
import { DSA_SMALL, DSA_SPR } from '@siov/datasheet';
import type { DsaProfile } from '@siov/datasheet';
import { combineWrites, mediatedDevice, physicalDevice } from '@siov/scenarios';
import type { Host, HostOptions } from '@siov/scenarios';
import { VFIO_PCI_REGION } from '@siov/vfio';
import type { VfioDevice } from '@siov/vfio';
import { serveVfioUser } from '@siov/vfio-user';
import type { VfioUserEvent, VfioUserServer } from '@siov/vfio-user';
import { UsageError } from './errors.ts';

/** Physical functions that can be served as they are. */
export const PROFILES: Readonly<Record<string, DsaProfile>> = { spr: DSA_SPR, small: DSA_SMALL };

export interface ServeRequest {
  readonly socketPath: string;
  /** A key of {@link PROFILES}; the mediated device of one work queue unless given. */
  readonly profile?: string;
  readonly trace?: NonNullable<HostOptions['trace']>;
  readonly onEvent?: (event: VfioUserEvent) => void;
}

export interface Serving {
  readonly server: VfioUserServer;
  readonly host: Host;
  /** What is served, in a few words. */
  readonly what: string;
}

/** Builds the device and listens. Throws {@link UsageError} when it cannot. */
export function serveDsa(request: ServeRequest): Serving {
  const { profile, trace, socketPath, onEvent } = request;
  const hostOptions: HostOptions = trace === undefined ? {} : { trace };
  const { host, vfio, what } = composeDevice(profile, hostOptions);
  const { executor } = host;
  // The thread that handles a request is the vCPU's in its trap: with one vCPU and no other requester there is one.
  const agent = { name: 'VC0/host', layer: 'vfio-user' };
  const server = serveVfioUser({
    socketPath,
    device: combineWrites(host.state, vfio, VFIO_PCI_REGION.BAR2),
    run: (steps) => {
      const result = executor.run(agent, steps);
      executor.settle();
      return result;
    },
    ...(onEvent === undefined ? {} : { onEvent }),
  });
  if (!server.ok) throw new UsageError(`cannot serve on ${socketPath}: ${server.message}`);
  return { server: server.value, host, what };
}

function composeDevice(profile: string | undefined, options: HostOptions): { host: Host; vfio: VfioDevice; what: string } {
  if (profile === undefined) {
    const { host, vfio } = mediatedDevice(options);
    return { host, vfio, what: 'a virtual DSA of one work queue' };
  }
  const chosen = PROFILES[profile];
  if (chosen === undefined) throw new UsageError(`there is no profile ${profile}; there are ${Object.keys(PROFILES).join(' and ')}`);
  const { host, vfio } = physicalDevice(chosen, options);
  return { host, vfio, what: `the physical function ${chosen.name}` };
}

/** QEMU's `-device` argument for a socket, quoted for a shell. QEMU may be started from any folder. */
export function qemuDeviceOption(socketPath: string): string {
  const json = JSON.stringify({ driver: 'vfio-user-pci', socket: { type: 'unix', path: resolve(socketPath) } });
  return `'${json.replaceAll("'", "'\\''")}'`;
}
