// Lists of accesses that several tests expect, in the form of recorded-function.ts.

/** idxd_cmd_exec(): not halted? the command, the cause read and acknowledged, the status. */
export const command = (word: string) => ['R32 90', `W32 a0 = ${word}`, 'R32 98', 'W32 98 = 2', 'R32 a8'];
/** Written with a read back that flushes it. */
const message = (vector: number) => [`WMSIX[${vector}].ADDRESS_LO`, `WMSIX[${vector}].ADDRESS_HI`, `WMSIX[${vector}].DATA`, `RMSIX[${vector}].DATA`];
/** Allocation: masked, and the message written early, with the vector that takes what must not come. */
export const allocate = (vector: number) => [`RMSIX[${vector}].CONTROL`, `WMSIX[${vector}].CONTROL = 1`, ...message(vector)];
/** request_irq(): the message of the real vector by activation, again for the affinity before start-up, then the unmask. */
export const request = (vector: number) => [...message(vector), ...message(vector), `WMSIX[${vector}].CONTROL = 0`];
/** free_irq(): masked and flushed, then the zero message. */
export const free = (vector: number) => [`WMSIX[${vector}].CONTROL = 1`, `RMSIX[${vector}].ADDRESS_LO`, ...message(vector)];
/** The permission table's entry of a vector: PASID and enable, or 0. */
export const permission = (vector: number, pasid: number | null) => `W32 ${(0x200 + vector * 8).toString(16)} = ${(pasid === null ? 0 : pasid * 0x1000 + 8).toString(16)}`;
