// The virtual devices of one function, by mdev type: `dsa-1dwq-v1` has a dedicated queue to itself, `dsa-1swq-v1` a part in
// a shared one.
import { fail, Lock } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import type { Device } from '@siov/device';
import { MdevParent } from '@siov/vfio-mdev';
import type { Mdev, MdevProbeErrno, MdevType } from '@siov/vfio-mdev';
import { compose, decompose } from './compose.ts';
import type { Composed, VirtualDeviceOptions } from './compose.ts';
import type { FunctionParts, HostDriverPorts } from './function-parts.ts';
import type { VirtualDevice } from './virtual-device.ts';
import { MDEV_TYPE, MDEV_TYPE_SHARED, MOST_VIRTUAL_VECTORS, VIRTUAL_VECTORS } from './virtual-profile.ts';

const DEFAULTS: VirtualDeviceOptions = Object.freeze({});

export class VirtualDevices {
  readonly #ports: HostDriverPorts;
  readonly #parts: FunctionParts;
  readonly #parent: MdevParent<VirtualDevice>;
  /** One creation at a time, so that the options are those of the device that is being made. */
  readonly #creation: Lock;
  readonly #state: { options: VirtualDeviceOptions };
  readonly #composed: Map<string, Composed>;

  constructor(ports: HostDriverPorts, parts: FunctionParts) {
    const { state } = ports.core.ports;
    const { device } = parts.physical;
    this.#ports = ports;
    this.#parts = parts;
    this.#creation = new Lock(state, `${device.name}/mdev-creation`);
    this.#state = state.record<{ options: VirtualDeviceOptions }>(`${device.name}/mdev-options`, { options: DEFAULTS });
    this.#composed = state.map(`${device.name}/composed`);
    // As before there were shared queues: a function without them does not speak of them.
    const types = parts.queues.some((queue) => queue.shared) ? [this.#type(MDEV_TYPE, false), this.#type(MDEV_TYPE_SHARED, true)] : [this.#type(MDEV_TYPE, false)];
    parts.physical.reportErrors((error) => {
      for (const { virtual } of this.#composed.values()) virtual.report(error);
    });
    this.#parent = new MdevParent(ports.core.ports, device, types);
  }

  get types(): readonly MdevType<VirtualDevice>[] {
    return this.#parent.types;
  }

  get children(): readonly Mdev<VirtualDevice>[] {
    return this.#parent.children;
  }

  /**
   * Writing a name to `create` of a type. `EINVAL`: no such type, or as many vectors as no device has; `ENODEV`: no queue of
   * the type's kind is left, or something the device needs is missing; `ENOSPC`, `ENOMEM`, `EBUSY`, `EEXIST`: what it needs of others.
   */
  create(type: string, options: VirtualDeviceOptions = {}): Steps<Result<Mdev<VirtualDevice>, 'EINVAL' | MdevProbeErrno>> {
    return this.#creation.with(this.#create(type, options));
  }

  *#create(type: string, options: VirtualDeviceOptions): Steps<Result<Mdev<VirtualDevice>, 'EINVAL' | MdevProbeErrno>> {
    const { vectors = VIRTUAL_VECTORS } = options;
    if (!(Number.isInteger(vectors) && vectors >= VIRTUAL_VECTORS && vectors <= MOST_VIRTUAL_VECTORS)) {
      return fail('EINVAL', `${vectors} vectors are not ${VIRTUAL_VECTORS} to ${MOST_VIRTUAL_VECTORS}`);
    }
    this.#state.options = options;
    const created = yield* this.#parent.create(type);
    this.#state.options = DEFAULTS;
    return created;
  }

  /** Writing 1 to `remove`. `ENODEV`: no virtual device of this function, or somebody else is removing it. */
  remove(mdev: Mdev<VirtualDevice>): Steps<Result<void, 'ENODEV'>> {
    return this.#parent.remove(mdev);
  }

  #type(name: string, shared: boolean): MdevType<VirtualDevice> {
    const { trace } = this.#ports.core.ports;
    const { queues } = this.#parts;
    return {
      name,
      available: () => queues.filter((queue) => queue.shared === shared).reduce((sum, { free }) => sum + free, 0),
      probe: (device) => trace.cross('idxd', 'mdev_probe', { device: device.name }, this.#probe(device, shared)),
      remove: (virtual) => trace.cross('idxd', 'mdev_remove', { device: virtual.device.name }, this.#remove(virtual)),
    };
  }

  *#probe(device: Device, shared: boolean): Steps<Result<VirtualDevice, MdevProbeErrno>> {
    const queue = this.#parts.queues.find((each) => each.shared === shared && each.free > 0);
    if (queue === undefined) return fail('ENODEV', `${this.#parts.physical.device.name} has no ${shared ? 'shared ' : ''}work queue left for ${device.name}`);
    const made = compose(this.#ports, this.#parts, device, queue, this.#state.options);
    if (!made.ok) return made;
    this.#composed.set(device.name, made.value);
    return { ok: true, value: made.value.virtual };
  }

  *#remove({ device }: VirtualDevice): Steps<void> {
    const composed = this.#composed.get(device.name);
    this.#composed.delete(device.name);
    if (composed !== undefined) yield* decompose(this.#ports, composed);
  }
}
