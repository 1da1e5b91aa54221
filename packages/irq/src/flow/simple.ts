// handle_simple_irq(): nothing to do at the hardware; for interrupts raised by software or decoded from another one.
import type { FlowHandler } from '../chip.ts';
import type { IrqDesc } from '../desc.ts';
import { countEvent, Flow, flowHandler, whileInProgress } from './flow.ts';
import type { Entry } from './flow.ts';

class SimpleFlow extends Flow {
  readonly name = 'simple';

  enter(desc: IrqDesc, cpu: number): Entry {
    const { state } = desc;
    if (state.inProgress) return whileInProgress(state);
    state.replay = false;
    state.waiting = false;
    if (state.disabled || state.actions.length === 0) {
      state.pending = true;
      return 'leave';
    }
    countEvent(desc, cpu);
    return 'handle';
  }

  refuse(): void {}

  begin(): void {}

  end(): boolean {
    return false;
  }
}

export const handleSimpleIrq: FlowHandler = flowHandler(new SimpleFlow());
