// What a boot needs from outside this repository.

/**
 * Which kernel to boot: `'7.3'` is what Debian's backports suite ships now (7.3 when this was written), `'6.12'` the
 * stable suite's stock kernel, anything else the path of a kernel image or of a folder holding one.
 */
export type KernelChoice = '7.3' | '6.12' | (string & {});

/** A QEMU with `vfio-user-pci`: run `command` with `args` before any further arguments. */
export interface QemuAssets {
  readonly command: string;
  readonly args: readonly string[];
  /** Where it came from. */
  readonly from: 'SIOV_QEMU' | 'PATH' | 'cache';
}

/** A kernel ready to boot. */
export interface KernelAssets {
  readonly choice: KernelChoice;
  /** As `uname -r` prints it. */
  readonly release: string;
  /** Path of the uncompressed ELF image. */
  readonly vmlinux: string;
  /** Folder of decompressed `<name>.ko` files, names as the kernel has them. */
  readonly modules: string;
}

/** Everything a boot needs. */
export interface GuestAssets {
  readonly qemu: QemuAssets;
  readonly kernel: KernelAssets;
  /** Path of a static busybox. */
  readonly busybox: string;
}

/** Where to look. */
export interface AssetOptions {
  /** Default `'7.3'`. */
  readonly kernel?: KernelChoice;
  /** Default `${XDG_CACHE_HOME:-~/.cache}/siov/guest`. */
  readonly cacheDir?: string;
  /** Default `process.env`; read are SIOV_QEMU, PATH, XDG_CACHE_HOME, HOME, DEB_BASE and the proxy variables. */
  readonly env?: NodeJS.ProcessEnv;
}

/** Whether the choice is one of Debian's kernels, not a path. */
export function isDebianKernel(choice: KernelChoice): choice is '7.3' | '6.12' {
  return choice === '7.3' || choice === '6.12';
}
