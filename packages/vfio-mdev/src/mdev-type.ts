// What a physical function offers, and what the mediated devices made of it are.
import type { Result, Steps } from '@siov/base';
import type { Device } from '@siov/device';
import type { VfioDevice } from '@siov/vfio';

/** What taking a new device over can run into. */
export type MdevProbeErrno = 'ENODEV' | 'EEXIST' | 'ENOSPC' | 'ENOMEM' | 'EBUSY';

/** A kind of mediated device a parent offers. `D` is what its driver makes of the new struct device. */
export interface MdevType<D> {
  /** Its folder in `mdev_supported_types`: `dsa-1dwq-v1`. */
  readonly name: string;
  /** For people. Absent: the name. */
  readonly description?: string;
  /** available_instances. */
  available(): number;
  /** The type's driver takes the device over. A failure must leave nothing taken. */
  probe(device: Device): Steps<Result<D, MdevProbeErrno>>;
  remove(driver: D): Steps<void>;
  /** What a user who opens the device gets (vfio_device_ops). Absent: the type's devices cannot be opened. */
  vfio?(driver: D): VfioDevice;
  /** Asks whoever has it open to close it (vfio_device_ops.request). Absent: nobody is asked, only waited for. */
  request?(driver: D): Steps<unknown>;
}

/** A mediated device that is there. */
export interface Mdev<D> {
  readonly device: Device;
  readonly driver: D;
}

/** The files in a type's folder, as read(2) gives them but for the newline (Documentation/ABI/testing/sysfs-bus-vfio-mdev). */
export interface MdevTypeAttributes {
  readonly name: string;
  readonly description: string;
  readonly device_api: 'vfio-pci';
  readonly available_instances: string;
}

export function attributesOf<D>(type: MdevType<D>): MdevTypeAttributes {
  const { name, description = name } = type;
  return { name, description, device_api: 'vfio-pci', available_instances: String(type.available()) };
}

/** The form uuid_parse() takes: 8-4-4-4-12 hexadecimal digits. */
export function isUuid(text: string): boolean {
  return /^[\da-f]{8}(-[\da-f]{4}){3}-[\da-f]{12}$/i.test(text);
}
