// handle_simple_irq(): nothing to do at the hardware; for interrupts raised by software or decoded from another one.
import type { FlowHandler } from '../chip.ts';
import type { IrqDesc } from '../desc.ts';
import { flowHandler, whileInProgress } from './flow.ts';
import type { Entry } from './flow.ts';

function enter({ state, counts }: IrqDesc, cpu: number): Entry {
  if (state.inProgress) return whileInProgress(state);
  state.replay = false;
  state.waiting = false;
  if (state.disabled || state.actions.length === 0) {
    state.pending = true;
    return 'leave';
  }
  counts[cpu] = (counts[cpu] ?? 0) + 1;
  return 'handle';
}

export const handleSimpleIrq: FlowHandler = flowHandler({
  name: 'simple',
  enter,
  refuse() {},
  begin() {},
  end: () => false,
});
