// Mediated devices: children of a physical function that a user creates by type and gives to a VMM (drivers/vfio/mdev;
// from memory of the kernel source, not looked up).
import { fail, IdAllocator, Lock, noTrace, ok, waitUntil } from '@siov/base';
import type { Clock, Result, StatePort, Steps, Trace } from '@siov/base';
import { Device } from '@siov/device';
import { tracedDevice } from '@siov/vfio';
import type { VfioDevice } from '@siov/vfio';
import { attributesOf, isUuid } from './mdev-type.ts';
import type { Mdev, MdevProbeErrno, MdevType, MdevTypeAttributes } from './mdev-type.ts';

export interface MdevPorts {
  readonly state: StatePort;
  readonly trace: Trace;
  /** For asking a user again who does not close. Absent: once. */
  readonly clock?: Clock;
}

/** Milliseconds between two requests to close (vfio_unregister_group_dev()). */
const REQUEST_INTERVAL = 10_000;

/** A child: replaced in the table, never changed. `mdev` is null while its driver probes. */
interface Child<D> {
  readonly number: number;
  readonly type: MdevType<D>;
  readonly mdev: Mdev<D> | null;
  readonly removing: boolean;
  /** One for each that has it open. */
  readonly handles: readonly object[];
}

/** mdev_register_parent(): the mediated devices of one physical function. */
export class MdevParent<D> {
  readonly #ports: MdevPorts;
  readonly #parent: Device;
  readonly #types: readonly MdevType<D>[];
  readonly #numbers: IdAllocator;
  /** By name: the UUID, or the parent's name with a number. */
  readonly #children: Map<string, Child<D>>;
  /** The device set's: opening waits for a last close that is under way. */
  readonly #opening: Lock;

  constructor(ports: MdevPorts, parent: Device, types: readonly MdevType<D>[]) {
    const { state } = ports;
    this.#ports = ports;
    this.#parent = parent;
    this.#types = types;
    this.#numbers = new IdAllocator(state, `${parent.name}/mdevs`, { first: 0, end: 4096 });
    this.#children = state.map(`${parent.name}/mdev`);
    this.#opening = new Lock(state, `${parent.name}/dev_set`);
  }

  get types(): readonly MdevType<D>[] {
    return this.#types;
  }

  /** Those that their type's driver has taken over and that are not gone yet. */
  get children(): readonly Mdev<D>[] {
    return [...this.#children.values()].flatMap(({ mdev }) => (mdev === null ? [] : [mdev]));
  }

  /** The files of a type in sysfs. `EINVAL`: no such type. */
  attributes(typeName: string): Result<MdevTypeAttributes, 'EINVAL'> {
    const type = this.#type(typeName);
    return type.ok ? ok(attributesOf(type.value)) : type;
  }

  /**
   * Writing a UUID to a type's `create`; without one the device is named after its parent. `EINVAL`: no such type, or no
   * UUID; `EEXIST`: a device of this parent has that UUID; else what the type's driver gives.
   */
  create(typeName: string, uuid?: string): Steps<Result<Mdev<D>, 'EINVAL' | MdevProbeErrno>> {
    return this.#ports.trace.cross('vfio-mdev', 'create', { type: typeName }, this.#create(typeName, uuid?.toLowerCase()));
  }

  *#create(typeName: string, uuid: string | undefined): Steps<Result<Mdev<D>, 'EINVAL' | MdevProbeErrno>> {
    const type = this.#type(typeName);
    if (!type.ok) return type;
    if (uuid !== undefined && !isUuid(uuid)) return fail('EINVAL', `${uuid} is no UUID`);
    if (uuid !== undefined && this.#children.has(uuid)) return fail('EEXIST', `${this.#parent.name} has a mediated device ${uuid} already`);
    const number = this.#numbers.alloc();
    if (!number.ok) return number;
    const name = uuid ?? `${this.#parent.name}-mdev${number.value}`;
    const child: Child<D> = { number: number.value, type: type.value, mdev: null, removing: false, handles: [] };
    // The name is taken before the driver runs: others may create meanwhile.
    this.#children.set(name, child);
    const device = new Device(name, { state: this.#ports.state, parent: this.#parent });
    const driver = yield* type.value.probe(device);
    if (!driver.ok) {
      this.#forget(name, child);
      return driver;
    }
    const mdev = { device, driver: driver.value };
    this.#children.set(name, { ...child, mdev });
    return ok(mdev);
  }

  /**
   * Opens the device (vfio_device_open()). Several may have it open; each gets what `MdevType.vfio` gives, and closes it
   * with `release()`. The last one that does gives up its interrupts and mappings and resets it. `ENODEV`: it is no child of
   * this parent, somebody is removing it, or its type's devices cannot be opened.
   */
  open(mdev: Mdev<D>): Steps<Result<VfioDevice, 'ENODEV'>> {
    return this.#opening.with(this.#open(mdev));
  }

  *#open(mdev: Mdev<D>): Steps<Result<VfioDevice, 'ENODEV'>> {
    const { name } = mdev.device;
    const child = this.#childOf(mdev);
    const vfio = child?.type.vfio?.(mdev.driver);
    if (child === undefined || vfio === undefined) return fail('ENODEV', `${name} cannot be opened: no mediated device of ${this.#parent.name}, or none for users`);
    if (child.removing) return fail('ENODEV', `${name} cannot be opened: it is being removed`);
    const handle: VfioDevice = { ...tracedDevice(vfio, noTrace), release: () => this.#opening.with(this.#close(name, vfio, handle)) };
    this.#children.set(name, { ...child, handles: [...child.handles, handle] });
    return ok(handle);
  }

  /** vfio_device_fops_release(). Again is harmless. */
  *#close(name: string, vfio: VfioDevice, handle: VfioDevice): Steps<void> {
    const handles = () => this.#children.get(name)?.handles ?? [];
    if (!handles().includes(handle)) return;
    if (handles().length === 1) yield* vfio.release();
    const child = this.#children.get(name);
    if (child !== undefined) this.#children.set(name, { ...child, handles: handles().filter((each) => each !== handle) });
  }

  /**
   * Writing 1 to `remove`. Whoever has the device open is asked to close it, every 10 s, and waited for; nobody can open it
   * meanwhile. `ENODEV`: it is no child of this parent, or somebody else is removing it.
   */
  *remove(mdev: Mdev<D>): Steps<Result<void, 'ENODEV'>> {
    const { name } = mdev.device;
    const child = this.#childOf(mdev);
    if (child === undefined || child.removing) return fail('ENODEV', `${name} is no mediated device of ${this.#parent.name}, or not for long`);
    this.#children.set(name, { ...child, removing: true });
    yield* this.#untilClosed(name, mdev.driver, child.type);
    yield* child.type.remove(mdev.driver);
    this.#forget(name, child);
    return ok();
  }

  /** vfio_unregister_group_dev(). */
  *#untilClosed(name: string, driver: D, { request }: MdevType<D>): Steps<void> {
    const { clock } = this.#ports;
    const closed = () => this.#children.get(name)?.handles.length === 0;
    while (!closed()) {
      if (request !== undefined) yield* request(driver);
      const again = (clock?.now() ?? 0) + REQUEST_INTERVAL;
      yield* waitUntil(`${name} to be closed`, () => closed() || (clock !== undefined && clock.now() >= again));
    }
  }

  #forget(name: string, { number }: Child<D>): void {
    this.#children.delete(name);
    this.#numbers.free(number);
  }

  #childOf(mdev: Mdev<D>): Child<D> | undefined {
    const child = this.#children.get(mdev.device.name);
    return child?.mdev === mdev ? child : undefined;
  }

  #type(typeName: string): Result<MdevType<D>, 'EINVAL'> {
    const type = this.#types.find((each) => each.name === typeName);
    return type === undefined ? fail('EINVAL', `${this.#parent.name} has no mdev type ${typeName}; it has ${this.#types.map((each) => each.name).join(', ')}`) : ok(type);
  }
}
