// Config space: plain registers, and the four writes that do something (BAR sizing, function level reset, MSI-X masking,
// settings the device must not lose while it runs).
import type { AccessPort, Steps, Trace } from '@siov/base';
import { BAR0, BAR2, CONFIG_SPACE_SIZE, DEVCTL, DEVSTS, MSGCTL, PCICMD } from '@siov/datasheet';
import { accessWindow } from './access-window.ts';
import type { WordWrite } from './access-window.ts';
import type { DeviceRegisters } from './device-registers.ts';
import type { DeviceState } from './device-state.ts';
import type { InterruptDelivery } from './interrupt-delivery.ts';
import type { PciFunction } from './pci-function.ts';

export interface ConfigParts {
  readonly registers: DeviceRegisters;
  readonly pci: PciFunction;
  readonly state: DeviceState;
  readonly interrupts: InterruptDelivery;
  /** Something of the device may still reach memory. */
  readonly transactionsPending: () => boolean;
  readonly functionLevelReset: () => void;
}

export function configSpace(parts: ConfigParts, trace: Trace): AccessPort {
  const window = { size: CONFIG_SPACE_SIZE, windows: parts.registers.configWindows, trace };
  return accessWindow(window, { readWord: (offset) => readWord(parts, offset), write: (words) => write(parts, words) });
}

/** DEVSTS shares its word with DEVCTL and says what is going on now. */
function readWord({ registers, transactionsPending }: ConfigParts, offset: number): number {
  const word = registers.config.read(offset, 4);
  if (offset !== DEVCTL.offset) return word;
  const status = DEVSTS.of({ transactionsPending: transactionsPending() ? 1 : 0 });
  return (word | (status << (8 * (DEVSTS.offset - offset)))) >>> 0;
}

function* write(parts: ConfigParts, words: readonly WordWrite[]): Steps<void> {
  const { registers, pci, state, interrupts, functionLevelReset } = parts;
  const { config } = registers;
  const fixed = pci.fixedWhileEnabled;
  const touched = words.flatMap(({ offset, size, value }) => config.write(offset, size, value)).map(({ register }) => register as unknown);
  keepBarSizes(registers);
  pci.refresh();
  if (DEVCTL.initiateFunctionLevelReset.get(config.get(DEVCTL)) === 1) {
    functionLevelReset();
    return;
  }
  if (pci.fixedWhileEnabled !== fixed && !state.disabled) yield* state.configChanged();
  if (touched.includes(MSGCTL) || touched.includes(PCICMD)) interrupts.releaseAllMsix();
}

/** Address bits below the size of a BAR stay 0: that is how software finds the size. */
function keepBarSizes({ config, profile }: DeviceRegisters): void {
  for (const [register, size] of [[BAR0, profile.bar0Size], [BAR2, profile.bar2Size]] as const) {
    const image = config.get(register as typeof BAR0);
    const address = BAR0.address.get(image) & ~((size >>> 4) - 1);
    config.set(register as typeof BAR0, BAR0.address.set(image, address >>> 0));
  }
}
