// A VFIO device in a virtual machine, as QEMU's hw/vfio/pci.c does it: config space and BARs passed through, the MSI-X
// table emulated, and the guest's unmasking turned into SET_IRQS.
import { describeFailure, fail, ModelError, ok, point } from '@siov/base';
import type { AccessPort, Result, Steps, TraceValues } from '@siov/base';
import { VFIO_PCI_IRQ, VFIO_PCI_REGION } from '@siov/vfio';
import type { DmaMapping, IrqInfo, VfioDevice } from '@siov/vfio';
import { ErrorLog } from './error-log.ts';
import { CONFIG_SIZE, findMsix } from './msix-capability.ts';
import type { MsixCapability } from './msix-capability.ts';
import { PasidTranslation } from './pasid-translation.ts';
import { Portals } from './portals.ts';
import type { VmmOptions, VmmPorts } from './ports.ts';
import { Regions } from './regions.ts';
import { Vectors } from './vectors.ts';
import { VirtualIommu } from './virtual-iommu.ts';
import type { BindPasidErrno, MapPasidErrno, UnbindPasidErrno } from './virtual-iommu.ts';

const trap = point('trap', 'exit to the VMM');
const resume = point('return', 'entry to the guest');

export class VfioPci {
  readonly #ports: VmmPorts;
  readonly #options: VmmOptions;
  readonly #log: ErrorLog;
  readonly #vectors: Vectors;
  readonly #regions: Regions;
  readonly #portals: Portals;
  readonly #iommu: VirtualIommu;

  private constructor(ports: VmmPorts, options: VmmOptions, device: VfioDevice, msix: { capability: MsixCapability; irqs: IrqInfo }) {
    const name = `${device.name}/vmm`;
    this.#ports = ports;
    this.#options = options;
    this.#log = new ErrorLog(ports.state, name);
    this.#vectors = new Vectors(ports, options, device, msix.irqs, this.#log);
    this.#regions = new Regions(device, msix.capability, this.#vectors, this.#log);
    this.#portals = options.mapPortals === true ? Portals.map(device, this.#log) : Portals.none();
    this.#iommu = new VirtualIommu(device, ports.pasids ?? new PasidTranslation(ports.state, name), this.#log);
  }

  /** Takes `device` into the machine. `ENODEV`: no config space or no MSI-X. */
  static *realize(ports: VmmPorts, options: VmmOptions, device: VfioDevice): Steps<Result<VfioPci, 'ENODEV'>> {
    const config = new Uint8Array(CONFIG_SIZE);
    const read = yield* device.regionRead(VFIO_PCI_REGION.CONFIG, 0, config);
    if (!read.ok) return fail('ENODEV', `${device.name}: config space: ${describeFailure(read)}`);
    const capability = findMsix(new DataView(config.buffer));
    const irqs = device.irqInfo(VFIO_PCI_IRQ.MSIX);
    if (capability === null || !irqs.ok || irqs.value.count === 0) return fail('ENODEV', `${device.name} has no MSI-X`);
    return ok(new VfioPci(ports, options, device, { capability, irqs: irqs.value }));
  }

  /** What went wrong with requests to the device: the guest is not told. */
  get errors(): readonly string[] {
    return this.#log.errors;
  }

  /** The guest's view of a region: config space or a memory BAR. Every access traps. */
  region(index: number): AccessPort {
    const read = (offset: number, size: number) => this.#trap('guest_read', { region: index, offset }, this.#regions.read(index, offset, size));
    const write = (offset: number, size: number, value: bigint) => this.#trap('guest_write', { region: index, offset }, this.#regions.write(index, offset, size, value));
    return {
      *read(offset, size) {
        return Number(yield* read(offset, size));
      },
      read64: (offset) => read(offset, 8),
      write: (offset, size, value) => write(offset, size, BigInt(value)),
      write64: (offset, value) => write(offset, 8, value),
    };
  }

  /** The guest's 64-byte store to a BAR (MOVDIR64B): one write, through a mapped portal without a trap. */
  submit(index: number, offset: number, descriptor: Uint8Array): Steps<void> {
    const portal = this.#portals.find(index, offset);
    if (portal !== null) return portal.window.submit(portal.offset, descriptor);
    return this.#trap('guest_submit', { region: index, offset }, this.#regions.forward(index, offset, descriptor));
  }

  /**
   * A 64-byte store that the device answers, as it leaves the virtual CPU: true when the queue took it, false for "retry". Throws
   * {@link ModelError} where the portal is not mapped: a trapped store carries no answer.
   */
  enqueue(index: number, offset: number, descriptor: Uint8Array): Steps<boolean> {
    const portal = this.#portals.find(index, offset);
    if (portal === null) throw new ModelError('ENQCMD does not reach a device behind this VMM: its portal is not mapped');
    return portal.window.enqueue(portal.offset, descriptor);
  }

  /**
   * ENQCMD or ENQCMDS of the guest, its PASID in bits 19:0 of the descriptor: translated, then as {@link enqueue}. `EFAULT`: the PASID
   * has no translation; the virtual CPU exits and nothing reaches the device.
   */
  *enqcmd(index: number, offset: number, descriptor: Uint8Array): Steps<Result<boolean, 'EFAULT'>> {
    const stored = this.#iommu.translation.translate(descriptor);
    if (stored.ok) return ok(yield* this.enqueue(index, offset, stored.value));
    return yield* this.#trap('enqcmd_exit', { region: index, offset }, returning(stored));
  }

  /**
   * The guest's IOMMU driver puts `mappings` behind `gpasid` for this device (a virtual command, which traps); virtual CPUs translate it
   * from then on. Errors as {@link GuestPasids}; `EOPNOTSUPP` too where the device has no guest PASIDs, `EBUSY` where another of the
   * machine's devices has it bound to another PASID of the host. A failure leaves nothing bound.
   */
  bindPasid(gpasid: number, mappings: readonly DmaMapping[]): Steps<Result<void, BindPasidErrno>> {
    return this.#trap('virtual_command', { command: 'bind', gpasid }, this.#iommu.bind(gpasid, mappings));
  }

  /** One mapping more behind a bound PASID. Errors as {@link GuestPasids}. */
  mapPasid(gpasid: number, mapping: DmaMapping): Steps<Result<void, MapPasidErrno>> {
    return this.#trap('virtual_command', { command: 'map', gpasid }, this.#iommu.map(gpasid, mapping));
  }

  /** Removes exactly that mapping. Errors as {@link GuestPasids}. */
  unmapPasid(gpasid: number, iova: bigint, size: bigint): Steps<Result<void, 'EOPNOTSUPP' | 'ENOENT'>> {
    return this.#trap('virtual_command', { command: 'unmap', gpasid }, this.#iommu.unmap(gpasid, iova, size));
  }

  /** Virtual CPUs translate `gpasid` no more, and the host takes its PASID back. `EBUSY`: an interrupt carries it; all is as before. */
  unbindPasid(gpasid: number): Steps<Result<void, UnbindPasidErrno>> {
    return this.#trap('virtual_command', { command: 'unbind', gpasid }, this.#iommu.unbind(gpasid));
  }

  /** The VMM's main loop: eventfds become messages, or pending bits while the vector is masked. To be spawned. */
  mainLoop(): Steps<never> {
    return this.#vectors.mainLoop();
  }

  /** With irqfds, KVM's work queue, which injects what a signaller could not; null without. To be spawned. */
  kvmWork(): Steps<never> | null {
    return this.#vectors.irqfds?.work() ?? null;
  }

  /** The VMM lets go of the device: no irqfd, no eventfd and no mapping is left. The device's release() is the machine's. */
  *unrealize(): Steps<void> {
    yield* this.#vectors.close();
    this.#portals.unmap();
  }

  /** The vCPU leaves the guest, its host thread does the work, and only then the guest's next instruction runs. */
  *#trap<T>(operation: string, values: TraceValues, body: Steps<T>): Steps<T> {
    yield trap;
    const { trace, bigLock } = this.#ports;
    const { trapAgent } = this.#options;
    const work = bigLock === undefined ? body : bigLock.with(body);
    const result = yield* trace.cross('vmm', operation, values, trace.as(typeof trapAgent === 'string' ? trapAgent : trapAgent(), work));
    yield resume;
    return result;
  }
}

function* returning<T>(value: T): Steps<T> {
  return value;
}
