// Mediated devices: children of a physical function that a user creates by type and gives to a VMM (drivers/vfio/mdev).
import { fail, IdAllocator, ok } from '@siov/base';
import type { Result, StatePort, Steps, Trace } from '@siov/base';
import { Device } from '@siov/device';

/** What taking a new device over can run into. */
export type MdevProbeErrno = 'ENODEV' | 'EEXIST' | 'ENOSPC' | 'ENOMEM' | 'EBUSY';

/** A kind of mediated device a parent offers. `D` is what its driver makes of the new struct device. */
export interface MdevType<D> {
  /** As in sysfs: `dsa-1dwq-v1`. */
  readonly name: string;
  /** available_instances. */
  available(): number;
  /** The type's driver takes the device over. A failure must leave nothing taken. */
  probe(device: Device): Steps<Result<D, MdevProbeErrno>>;
  remove(driver: D): Steps<void>;
}

export interface Mdev<D> {
  readonly device: Device;
  readonly driver: D;
}

export interface MdevPorts {
  readonly state: StatePort;
  readonly trace: Trace;
}

/** mdev_register_parent(): the mediated devices of one physical function. */
export class MdevParent<D> {
  readonly #ports: MdevPorts;
  readonly #parent: Device;
  readonly #types: readonly MdevType<D>[];
  readonly #numbers: IdAllocator;
  readonly #children: Map<string, { number: number; type: MdevType<D>; mdev: Mdev<D> }>;

  constructor(ports: MdevPorts, parent: Device, types: readonly MdevType<D>[]) {
    const { state } = ports;
    this.#ports = ports;
    this.#parent = parent;
    this.#types = types;
    this.#numbers = new IdAllocator(state, `${parent.name}/mdevs`, { first: 0, end: 4096 });
    this.#children = state.map(`${parent.name}/mdev`);
  }

  get types(): readonly MdevType<D>[] {
    return this.#types;
  }

  get children(): readonly Mdev<D>[] {
    return [...this.#children.values()].map((child) => child.mdev);
  }

  /** Writing a name to `create`. `EINVAL`: no such type; else what the type's driver gives. */
  create(typeName: string): Steps<Result<Mdev<D>, 'EINVAL' | MdevProbeErrno>> {
    return this.#ports.trace.cross('vfio-mdev', 'create', { type: typeName }, this.#create(typeName));
  }

  *#create(typeName: string): Steps<Result<Mdev<D>, 'EINVAL' | MdevProbeErrno>> {
    const type = this.#types.find((each) => each.name === typeName);
    if (type === undefined) return fail('EINVAL', `${this.#parent.name} has no mdev type ${typeName}; it has ${this.#types.map((each) => each.name).join(', ')}`);
    const number = this.#numbers.alloc();
    if (!number.ok) return number;
    const device = new Device(`${this.#parent.name}-mdev${number.value}`, { state: this.#ports.state, parent: this.#parent });
    const driver = yield* type.probe(device);
    if (!driver.ok) {
      this.#numbers.free(number.value);
      return driver;
    }
    const mdev = { device, driver: driver.value };
    this.#children.set(device.name, { number: number.value, type, mdev });
    return ok(mdev);
  }

  /** Writing 1 to `remove`. `ENODEV` when it is no child of this parent, or somebody else is removing it. */
  *remove(mdev: Mdev<D>): Steps<Result<void, 'ENODEV'>> {
    const child = this.#children.get(mdev.device.name);
    if (child?.mdev !== mdev) return fail('ENODEV', `${mdev.device.name} is no mediated device of ${this.#parent.name}`);
    this.#children.delete(mdev.device.name);
    yield* child.type.remove(mdev.driver);
    this.#numbers.free(child.number);
    return ok();
  }
}
