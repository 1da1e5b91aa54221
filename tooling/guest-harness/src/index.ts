// The harness's one public entry: find or fetch a QEMU and a stock kernel, boot them, run commands in the guest.
export type { AssetOptions, GuestAssets, KernelAssets, KernelChoice, QemuAssets } from './assets/types.ts';
export { type Located, locate } from './assets/locate.ts';
export { type ProvisionEvent, type ProvisionOptions, provision } from './assets/provision.ts';
export { GuestError, type GuestErrorCode } from './errors.ts';
export type { BootOptions } from './guest/boot-options.ts';
export { VIOMMU_DEVICE, VIOMMU_KERNEL_ARGS } from './guest/command-line.ts';
export { type CommandResult, Guest, type ModuleImage } from './guest/guest.ts';
export type { GuestFile } from './image/initramfs.ts';
export { buildTestModules, type TestModuleName, type TestModules } from './test-modules/build.ts';
export { mustProvision, type RequiredAssets, requireAssets } from './assets/require.ts';
export { dsaShell, type WorkQueueSetup } from './shell/dsa-shell.ts';
export { type PciFunction, type PciResource, readPciFunctions } from './shell/pci-functions.ts';
