// BAR0, the device as a whole: configuration, control, status, interrupt cause, command (DSA spec 3.0 §9.2.8-13).
import { bit, bits, register } from '@siov/base';

/** Writable while the device is Disabled only; its reset value has the profile's total read buffers (DSA spec 3.0 §5.7). */
export const GENCFG = register('GENCFG', { offset: 0x80, access: 'rw:device-disabled', source: 'DSA spec 3.0 §9.2.8' }, {
  globalReadBufferLimit: bits(7, 0),
  /** Makes a completion interrupt legal in descriptors of a user PASID. */
  userInterruptsEnable: bit(12),
  eventLogEnable: bit(13),
});

export const GENCTRL = register('GENCTRL', { offset: 0x88, source: 'DSA spec 3.0 §9.2.9' }, {
  softwareErrorInterruptEnable: bit(0), haltInterruptEnable: bit(1), eventLogInterruptEnable: bit(2),
});

/** GENSTS.state. */
export const DEVICE_STATE = { DISABLED: 0, ENABLED: 1, DRAINING: 2, HALT: 3 } as const;
/** GENSTS.resetType: what gets a halted device going again. */
export const RESET_TYPE = { SOFTWARE: 0, FUNCTION_LEVEL: 1, WARM: 2, COLD: 3 } as const;

export const GENSTS = register('GENSTS', { offset: 0x90, access: 'ro', source: 'DSA spec 3.0 §9.2.10' }, {
  state: bits(1, 0), resetType: bits(3, 2),
});

/** Every cause is signalled through MSI-X vector 0, one message an event; a bit stays until 1 is written to it. */
export const INTCAUSE = register('INTCAUSE', { offset: 0x98, access: 'rw1c', source: 'DSA spec 3.0 §9.2.11' }, {
  softwareError: bit(0), commandCompletion: bit(1), occupancyLimit: bit(2), perfmonOverflow: bit(3), haltState: bit(4),
  eventLog: bit(5), handlesRevoked: bit(31),
});

/** Writing it starts a command; it reads 0. */
export const CMD = register('CMD', { offset: 0xa0, access: 'wo', source: 'DSA spec 3.0 §9.2.12' }, {
  operand: bits(19, 0), code: bits(24, 20), reserved: bits(30, 25), requestInterrupt: bit(31),
});

/** `error` is one of COMMAND_ERROR. `result` is the handle that Request Interrupt Handle gave. */
export const CMDSTATUS = register('CMDSTATUS', { offset: 0xa8, access: 'ro', source: 'DSA spec 3.0 §9.2.13' }, {
  error: bits(7, 0), result: bits(23, 8), active: bit(31),
});

export const BAR0_GENERAL = [GENCFG, GENCTRL, GENSTS, INTCAUSE, CMD, CMDSTATUS] as const;
