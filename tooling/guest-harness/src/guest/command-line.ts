// QEMU's command line. Each switch that looks odd was measured: together they bring a boot from 9-11 s to 3 s.
import { AGENT_PORT } from './agent-protocol.ts';
import type { BootOptions } from './boot-options.ts';
import { vfioUserSockets } from './boot-options.ts';

/** Inherited descriptors: the agent's socket and the (already unlinked) initramfs. */
export const AGENT_FD = 3;
export const INITRD_FD = 4;

const VIOMMU = 'intel-iommu,intremap=on,caching-mode=on';
/** QEMU's IOMMU with PASIDs. It wants first-stage translation (fsts) for svm. Without device-iotlb it offers no ATS. */
export const VIOMMU_DEVICE = `${VIOMMU},scalable-mode=on,fsts=on,svm=on,device-iotlb=on,pasid-bits=20`;
/** What a kernel behind it needs: scalable mode, and DMA that passes through, since QEMU forwards no first-stage mapping. */
export const VIOMMU_KERNEL_ARGS = 'intel_iommu=on,sm_on iommu=pt';

/** All arguments of QEMU for these options. */
export function qemuArguments(options: BootOptions): string[] {
  const { assets, memoryMiB = 512, cpus = 1, viommu = false, qemuArgs = [] } = options;
  return [
    assets.qemu.args,
    ['-accel', 'tcg', '-cpu', 'max', '-smp', String(cpus), '-m', String(memoryMiB)],
    ['-nodefaults', '-nic', 'none', '-display', 'none', '-no-reboot'],
    // The memory backend is shared so that a vfio-user server can map it.
    ['-object', `memory-backend-memfd,id=m,size=${memoryMiB}M,share=on`],
    ['-M', 'q35,memory-backend=m,hpet=off,sata=off,smbus=off,usb=off,i8042=off,vmport=off'],
    ['-chardev', 'stdio,id=console,signal=off', '-serial', 'chardev:console'],
    // The IOMMU must exist before the devices behind it; without caching mode vfio refuses to work.
    viommu === false ? [] : ['-device', viommu === 'pasid' ? VIOMMU_DEVICE : VIOMMU],
    ['-chardev', `socket,id=agent,fd=${AGENT_FD}`, '-device', 'virtio-serial-pci'],
    ['-device', `virtserialport,chardev=agent,name=${AGENT_PORT}`],
    vfioUserSockets(options).flatMap(vfioUserDevice),
    ['-kernel', assets.kernel.vmlinux, '-initrd', `/proc/self/fd/${INITRD_FD}`, '-append', kernelCommandLine(options)],
    qemuArgs,
  ].flat();
}

/** The device's socket address is a structured property, so it has to be given as JSON. */
function vfioUserDevice(path: string, index: number): string[] {
  const device = { driver: 'vfio-user-pci', id: `vfio-user${index}`, bus: `rp${index}`, socket: { type: 'unix', path } };
  return ['-device', `pcie-root-port,id=rp${index},chassis=${index + 1}`, '-device', JSON.stringify(device)];
}

function kernelCommandLine({ viommu = false, verbose = false, kernelArgs = [] }: BootOptions): string {
  return [
    'console=ttyS0',
    ...(verbose ? [] : ['quiet']),
    'panic=-1', // with -no-reboot, a panic ends QEMU
    'rodata=off', // saves a walk over all page tables, a third of the boot
    'cryptomgr.notests=1',
    'spectre_v2=off', // else each test module draws an error line about its compiler
    // The kernel counts ticks against a delay before it trusts remapped interrupts, and panics; a busy machine is late with them.
    ...(viommu === false ? [] : ['no_timer_check', viommu === 'pasid' ? VIOMMU_KERNEL_ARGS : 'intel_iommu=on']),
    ...kernelArgs,
  ].join(' ');
}
