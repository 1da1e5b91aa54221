// VFIO_DEVICE_SET_IRQS: the raw header checked as the kernel checks it, and the request it stands for.
import { fail, ok } from '@siov/base';
import type { EventFd, Result } from '@siov/base';
import { IRQ_SET_HEADER_SIZE, VFIO_IRQ_SET } from './uapi.ts';

/** struct vfio_irq_set as it came in, before anything is believed. All fields are unsigned 32-bit. */
export interface IrqSetHeader {
  readonly argsz: number;
  readonly flags: number;
  readonly index: number;
  readonly start: number;
  readonly count: number;
}

export type IrqAction = 'mask' | 'unmask' | 'trigger';

export type IrqSetData =
  | { readonly kind: 'none' }
  | { readonly kind: 'bool'; readonly values: readonly boolean[] }
  /** One per interrupt; `null` is fd -1: give that interrupt up. */
  | { readonly kind: 'eventfd'; readonly fds: readonly (EventFd | null)[] };

/** A checked request for interrupts `start` to `start + count - 1` of `index`. */
export interface IrqSet {
  readonly index: number;
  readonly start: number;
  readonly count: number;
  readonly action: IrqAction;
  readonly data: IrqSetData;
}

const { DATA_NONE, DATA_BOOL, DATA_EVENTFD, ACTION_MASK, ACTION_UNMASK, ACTION_TRIGGER } = VFIO_IRQ_SET;
const DATA = DATA_NONE | DATA_BOOL | DATA_EVENTFD;
const ACTION = ACTION_MASK | ACTION_UNMASK | ACTION_TRIGGER;
const U32_MAX = 0xffffffff;

/** Bytes of data an interrupt takes in the request: none, one boolean byte, one 32-bit file descriptor. */
const DATA_SIZE: Readonly<Record<number, number>> = { [DATA_NONE]: 0, [DATA_BOOL]: 1, [DATA_EVENTFD]: 4 };

/**
 * vfio_set_irqs_validate_and_prepare(): the size of the data in bytes, or `EINVAL` with the rule that was broken. `numIrqs` is how many interrupts `index` has, `maxIrqType` how many indices there are.
 * Beyond the kernel's check exactly one action is asked for too, as its callers do.
 */
export function validateIrqSet(header: IrqSetHeader, numIrqs: number, maxIrqType: number): Result<number, 'EINVAL'> {
  const { argsz, flags, index, start, count } = header;
  const bad = (message: string) => fail('EINVAL', `SET_IRQS: ${message}`);
  if (argsz < IRQ_SET_HEADER_SIZE) return bad(`argsz ${argsz} is below the header's ${IRQ_SET_HEADER_SIZE}`);
  if (index >= maxIrqType) return bad(`index ${index} is not below ${maxIrqType}`);
  if (count >= U32_MAX - start) return bad(`start ${start} + count ${count} overflows 32 bits`);
  if ((flags & ~(DATA | ACTION)) !== 0) return bad(`flags 0x${flags.toString(16)} has unknown bits`);
  if (start >= numIrqs) return bad(`start ${start} is not below the ${numIrqs} interrupts of index ${index}`);
  if (start + count > numIrqs) return bad(`start ${start} + count ${count} is above the ${numIrqs} interrupts of index ${index}`);
  const size = DATA_SIZE[flags & DATA];
  if (size === undefined) return bad(`flags 0x${flags.toString(16)} names not exactly one kind of data`);
  if (argsz - IRQ_SET_HEADER_SIZE < size * count) return bad(`argsz ${argsz} has no room for ${count} times ${size} bytes of data`);
  if (irqAction(flags) === undefined) return bad(`flags 0x${flags.toString(16)} names not exactly one action`);
  return ok(size * count);
}

/** The action in `flags`, or undefined when there is not exactly one. */
export function irqAction(flags: number): IrqAction | undefined {
  const action = flags & ACTION;
  if (action === ACTION_MASK) return 'mask';
  if (action === ACTION_UNMASK) return 'unmask';
  return action === ACTION_TRIGGER ? 'trigger' : undefined;
}

/** The idiom that disables a whole index: no data, trigger, count 0 (vfio_pci_set_msi_trigger()). */
export function isDisable(set: IrqSet): boolean {
  return set.action === 'trigger' && set.data.kind === 'none' && set.count === 0;
}

/** A request that is refused: its eventfds are the device's to close (see `VfioDevice.setIrqs`). */
export function closeFds(data: IrqSetData): void {
  if (data.kind === 'eventfd') for (const fd of data.fds) fd?.close();
}
