import { ImsEntry } from '@siov/datasheet';
import { isControl } from './entry-writes.ts';
import type { EntryWrite } from './entry-writes.ts';
import type { Subject, Violation } from './subject.ts';

/** What the chip may write the control word for, and with which values. */
const CONTROL: Readonly<Record<string, (control: { mask: number; pasidEnable: number; pasid: number }) => boolean>> = {
  reset_slot: isReset,
  irq_shutdown: isReset,
  program_slot: ({ mask }) => mask === 1,
  irq_mask: ({ mask }) => mask === 1,
  irq_startup: ({ mask }) => mask === 0,
  irq_unmask: ({ mask }) => mask === 0,
};
const MESSAGE: readonly string[] = ['irq_write_msi_msg', 'reset_slot', 'irq_shutdown'];

/**
 * I2: layer ims alone writes entries, whole words of them. The control word when an entry is reset, programmed at its
 * allocation, started or unmasked, masked and shut down; the message when it is written, reset and shut down. A predicate of
 * the history that {@link EntryWrites} keeps, true at any time.
 */
export function singleWriter({ history }: Pick<Subject, 'history'>): Violation[] {
  return history.writes.wrong.map(
    ({ slot, at, value, layer, operation, why }) => `I2: ${layer} (${operation ?? 'in no operation of the chip'}) writes 0x${value.toString(16)} at byte ${at} of entry ${slot}: ${why}`,
  );
}

/** What is wrong with a write to an entry; null: nothing. */
export function wrongWith(write: EntryWrite): string | null {
  const { layer, operation, size, at, value } = write;
  if (layer !== 'ims' || operation === null) return 'only the chip writes entries';
  if (size !== 4 || at % 4 !== 0) return `${size} bytes are no word`;
  if (!isControl(write)) return MESSAGE.includes(operation) ? null : 'it has no business with the message';
  const lawful = CONTROL[operation];
  if (lawful === undefined) return 'it has no business with the control word';
  return lawful(ImsEntry.Control.decode(ImsEntry.Control.image(Number(value)))) ? null : 'it is not what the operation is for';
}

function isReset({ mask, pasidEnable, pasid }: { mask: number; pasidEnable: number; pasid: number }): boolean {
  return mask === 1 && pasidEnable === 0 && pasid === 0;
}
