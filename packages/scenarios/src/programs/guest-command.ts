// A command as the guest of a virtual device gives it: a trapped write to CMD, and CMDSTATUS afterwards.
import { must } from '@siov/base';
import { CMD, CMDSTATUS, command, PCICMD } from '@siov/datasheet';
import type { CommandCode } from '@siov/datasheet';
import { VFIO_PCI_REGION } from '@siov/vfio';
import type { ProgramMachine, Virtual } from './machine.ts';
import type { Seat } from './operation.ts';

/** The error code the guest reads, 0 for success. */
export function guestCommand(machine: ProgramMachine, seat: Seat, { vfio }: Virtual, code: CommandCode, operand = 0): number {
  guestWrite(machine, seat, vfio, { region: VFIO_PCI_REGION.BAR0, offset: CMD.offset, size: 4, value: command(code, operand) });
  const status = new Uint8Array(4);
  must(machine.runTrapped(seat, vfio.regionRead(VFIO_PCI_REGION.BAR0, CMDSTATUS.offset, status)), 'reading CMDSTATUS');
  return CMDSTATUS.error.get(CMDSTATUS.image(new DataView(status.buffer).getUint32(0, true)));
}

/** Memory space and bus mastering on, as a driver does first. */
export function guestEnable(machine: ProgramMachine, seat: Seat, { vfio }: Virtual): void {
  const value = PCICMD.of({ memorySpaceEnable: 1, busMasterEnable: 1 });
  guestWrite(machine, seat, vfio, { region: VFIO_PCI_REGION.CONFIG, offset: PCICMD.offset, size: 2, value });
}

function guestWrite(machine: ProgramMachine, seat: Seat, vfio: Virtual['vfio'], access: { region: number; offset: number; size: 2 | 4; value: number }): void {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, access.value, true);
  must(machine.runTrapped(seat, vfio.regionWrite(access.region, access.offset, bytes.subarray(0, access.size))), 'a register');
}
