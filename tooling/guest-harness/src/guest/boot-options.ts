// What a caller may ask of a boot, and its limits.
import type { GuestAssets } from '../assets/types.ts';
import { GuestError } from '../errors.ts';
import type { GuestFile } from '../image/initramfs.ts';

/** Options of `Guest.boot`. Only `assets` is required. */
export interface BootOptions {
  /** From `locate`, `provision` or `requireAssets`. */
  readonly assets: GuestAssets;
  /**
   * Path of the Unix socket a vfio-user server listens on; the device appears behind a PCIe root port. Or several, each a
   * device behind a root port of its own: the guest finds the first on PCI bus 1, the next on bus 2.
   */
  readonly vfioUserSocket?: string | readonly string[];
  /** Guest memory in MiB, 128 to 16384. Default 512; shared with the vfio-user server by file descriptor. */
  readonly memoryMiB?: number;
  /** Virtual CPUs, 1 to 16. Default 1, which boots fastest under emulation. */
  readonly cpus?: number;
  /**
   * Put an Intel IOMMU with interrupt remapping in front of the devices. `pasid`: in scalable mode, with PASIDs, ATS and
   * page requests for devices that have the capabilities; the kernel's own DMA passes through it untranslated
   * (`iommu=pt`), since QEMU forwards no first-stage mappings to the device. Default false.
   */
  readonly viommu?: boolean | 'pasid';
  /** Extra files for the guest's root file system. */
  readonly files?: readonly GuestFile[];
  /** More words for the kernel command line. */
  readonly kernelArgs?: readonly string[];
  /** More QEMU arguments, after all others. */
  readonly qemuArgs?: readonly string[];
  /** Let the kernel print its whole log to the console; slower. Default false. */
  readonly verbose?: boolean;
  /** Time limit of the boot in milliseconds. Default 90,000, about five times what a busy machine needs. */
  readonly timeoutMs?: number;
  /** Aborting it ends QEMU at once, during the boot and after; whatever waits for the guest throws QEMU. */
  readonly signal?: AbortSignal;
  /** Every line of the guest's console, as it comes. */
  readonly onConsole?: (line: string) => void;
}

/** The sockets of a boot, in order. */
export function vfioUserSockets({ vfioUserSocket = [] }: Pick<BootOptions, 'vfioUserSocket'>): readonly string[] {
  return typeof vfioUserSocket === 'string' ? [vfioUserSocket] : vfioUserSocket;
}

/** Throws USAGE for a value that cannot work. */
export function checkBootOptions({ memoryMiB = 512, cpus = 1, timeoutMs = 1 }: BootOptions): void {
  const check = (what: string, value: number, low: number, high: number) => {
    if (!Number.isInteger(value) || value < low || value > high) {
      throw new GuestError('USAGE', `${what} is ${value}, must be a whole number from ${low} to ${high}`);
    }
  };
  check('memoryMiB', memoryMiB, 128, 16384);
  check('cpus', cpus, 1, 16);
  check('timeoutMs', timeoutMs, 1, 2 ** 31 - 1);
}
