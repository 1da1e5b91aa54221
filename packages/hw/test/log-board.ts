// A board whose device logs its errors, and readers of what is in the log.
import {
  decodeEventLogEntry, DESCRIPTOR_FLAG as F, DSA_EVENT_LOG, DSA_SPR, EVLCFG0, EVLCFG1, EVLSTATUS, GENCFG, GENCTRL, HandleInfo, SWERROR0, withEventLog,
  EventLogEntry0, EventLogEntry1,
} from '@siov/datasheet';
import type { DsaProfile } from '@siov/datasheet';
import { Board } from './board.ts';
import type { WqSetup } from './board.ts';

export const LOG = 0x40000n;
export const SIZE = 64;
export const RCI = F.REQUEST_COMPLETION_INTERRUPT;
export const CRAV = F.COMPLETION_RECORD_ADDRESS_VALID;
export const UNMAPPED = 0x90000n;
export const stalling = withEventLog(DSA_SPR);

export interface LogSetup { readonly profile?: DsaProfile; readonly agents?: 'agents' | 'none'; readonly pasid?: number | null; readonly size?: number }

export function configured({ profile = DSA_EVENT_LOG, agents = 'agents', pasid = null, size = SIZE }: LogSetup = {}): Board {
  const board = new Board(profile, agents).powerOn({ pasids: true });
  board.unmapped.add(UNMAPPED >> 12n);
  board.write(EVLCFG0, EVLCFG0.of({ base: LOG >> 12n, pasidEnable: pasid === null ? 0 : 1, priv: pasid === null ? 0 : 1 }));
  board.write(EVLCFG1, EVLCFG1.of({ size, pasid: pasid ?? 0 }));
  board.write(GENCTRL, GENCTRL.of({ softwareErrorInterruptEnable: 1, eventLogInterruptEnable: 1 }));
  board.write(GENCFG, GENCFG.of({ globalReadBufferLimit: 96, userInterruptsEnable: 1, eventLogEnable: 1 }));
  return board;
}
export const logging = (setup: LogSetup = {}, wq: WqSetup = {}) => configured(setup).enable({ size: 100, ...wq });

export const status = (board: Board) => EVLSTATUS.decode(board.read(EVLSTATUS));
export const swerror = (board: Board) => SWERROR0.decode(board.read(SWERROR0));
export function entry(board: Board, index: number) {
  const { word0, word1, address, record } = decodeEventLogEntry(board.bytes(LOG + BigInt(64 * index), 64));
  return { ...EventLogEntry0.decode(word0), ...EventLogEntry1.decode(word1), address, record };
}
export const info = (errorInfo: number) => HandleInfo.decode(HandleInfo.image(errorInfo));
/** An error without a record: it can only go to the log or to SWERROR. */
export const wrong = { opcode: 0xff };
export function fail(board: Board, times = 1): void {
  for (let count = 0; count < times; count++) board.submit(wrong);
  board.settle();
}
export const takeHead = (board: Board, head: number) => board.run(board.device.bar0.write(EVLSTATUS.offset, 4, head));
export const clearPending = (board: Board) => board.run(board.device.bar0.write(EVLSTATUS.offset + 4, 4, 0x40000000));
