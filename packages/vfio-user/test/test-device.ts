// A small device to serve: config space, a 64 KiB BAR of plain bytes, eight MSI-X interrupts, one INTx.
// Writing n to BAR offset 0 signals MSI-X n; writing to offset 8 copies 64 bytes from DMA address [16] to [24].
import { fail, ok } from '@siov/base';
import type { EventFd, Result, Steps } from '@siov/base';
import { isDisable, VFIO_DEVICE_FLAGS, VFIO_IRQ_INFO, VFIO_REGION_INFO_FLAG } from '@siov/vfio';
import type { DeviceInfo, DmaMapping, IrqSet, VfioDevice } from '@siov/vfio';

const RW = VFIO_REGION_INFO_FLAG.READ | VFIO_REGION_INFO_FLAG.WRITE;
export const BAR_SIZE = 2 ** 20;
const SIZES: Readonly<Record<number, number>> = { 0: BAR_SIZE, 7: 4096 };
const IRQS: Readonly<Record<number, number>> = { 0: 1, 2: 8 };

export class TestDevice implements VfioDevice {
  readonly name = 'test';
  readonly info: DeviceInfo = { flags: VFIO_DEVICE_FLAGS.RESET | VFIO_DEVICE_FLAGS.PCI, numRegions: 9, numIrqs: 5 };
  readonly regions: Readonly<Record<number, Uint8Array>> = { 0: new Uint8Array(BAR_SIZE), 7: new Uint8Array(4096) };
  readonly mappings: DmaMapping[] = [];
  readonly armed = new Map<string, EventFd>();
  readonly log: string[] = [];
  /** Called first in every device call: may throw. */
  before: (operation: string) => void = () => {};

  regionInfo(index: number) {
    if (index >= this.info.numRegions) return fail('EINVAL', `region ${index}`);
    return ok({ index, size: SIZES[index] ?? 0, flags: index === 0 ? RW | VFIO_REGION_INFO_FLAG.MMAP : RW });
  }

  irqInfo(index: number) {
    if (index >= this.info.numIrqs) return fail('EINVAL', `irq index ${index}`);
    return ok({ index, count: IRQS[index] ?? 0, flags: VFIO_IRQ_INFO.EVENTFD | VFIO_IRQ_INFO.NORESIZE });
  }

  *regionRead(index: number, offset: number, into: Uint8Array): Steps<Result<void, 'EINVAL' | 'EFAULT'>> {
    this.#enter(`read ${index} ${offset}+${into.length}`);
    const region = this.regions[index];
    if (region === undefined) return fail('EINVAL', `region ${index}`);
    into.set(region.subarray(offset, offset + into.length));
    return ok();
  }

  *regionWrite(index: number, offset: number, from: Uint8Array): Steps<Result<void, 'EINVAL' | 'EFAULT'>> {
    this.#enter(`write ${index} ${offset}+${from.length}`);
    const region = this.regions[index];
    if (region === undefined) return fail('EINVAL', `region ${index}`);
    region.set(from, offset);
    if (index === 0 && offset === 0) this.armed.get(`2.${from[0] ?? 0}`)?.signal();
    if (index === 0 && offset === 8) this.#copy(region);
    return ok();
  }

  *setIrqs(set: IrqSet): Steps<Result<number, 'EINVAL'>> {
    this.#enter(`irqs ${set.index} ${set.action} ${set.data.kind} ${set.start}+${set.count}`);
    if (isDisable(set)) this.#disarm(`${set.index}.`);
    if (set.action === 'trigger' && set.data.kind === 'none') {
      for (let i = 0; i < set.count; i++) this.armed.get(`${set.index}.${set.start + i}`)?.signal();
    }
    if (set.data.kind !== 'eventfd') return ok(0);
    set.data.fds.forEach((fd, i) => {
      const key = `${set.index}.${set.start + i}`;
      this.armed.get(key)?.close();
      if (fd === null) this.armed.delete(key);
      else this.armed.set(key, fd);
    });
    return ok(0);
  }

  *dmaMap(mapping: DmaMapping): Steps<Result<void, 'EINVAL'>> {
    this.#enter(`map ${mapping.iova}+${mapping.size}`);
    this.mappings.push(mapping);
    return ok();
  }

  *dmaUnmap(iova: bigint, size: bigint): Steps<Result<void, 'ENOENT'>> {
    this.#enter(`unmap ${iova}+${size}`);
    const at = this.mappings.findIndex((each) => each.iova === iova && each.size === size);
    if (at < 0) return fail('ENOENT', 'not mapped');
    this.mappings.splice(at, 1);
    return ok();
  }

  *reset(): Steps<void> {
    this.#enter('reset');
  }

  *release(): Steps<void> {
    this.#enter('release');
    this.#disarm('');
    this.mappings.length = 0;
  }

  #enter(operation: string): void {
    this.log.push(operation);
    this.before(operation);
  }

  #disarm(prefix: string): void {
    for (const [key, fd] of this.armed) {
      if (!key.startsWith(prefix)) continue;
      fd.close();
      this.armed.delete(key);
    }
  }

  #copy(region: Uint8Array): void {
    const view = new DataView(region.buffer);
    const bytes = new Uint8Array(64);
    this.#at(view.getBigUint64(16, true), (memory, offset) => memory.read(offset, bytes));
    this.#at(view.getBigUint64(24, true), (memory, offset) => memory.write(offset, bytes));
  }

  #at(iova: bigint, access: (memory: DmaMapping['memory'], offset: number) => void): void {
    const mapping = this.mappings.find((each) => iova >= each.iova && iova + 64n <= each.iova + each.size);
    if (mapping !== undefined) access(mapping.memory, Number(iova - mapping.iova));
  }
}
