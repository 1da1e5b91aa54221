// handle_simple_irq(): nothing to do at the hardware; for interrupts raised by software or decoded from another one.
import type { FlowHandler } from '../chip.ts';
import type { IrqDesc } from '../desc.ts';
import { enterAtRest, Flow, flowHandler, whileInProgress } from './flow.ts';
import type { Entry } from './flow.ts';

class SimpleFlow extends Flow {
  readonly name = 'simple';

  enter(desc: IrqDesc, cpu: number): Entry {
    return desc.state.inProgress ? whileInProgress(desc.state) : enterAtRest(desc, cpu);
  }

  refuse(): void {}

  begin(): void {}

  end(): boolean {
    return false;
  }
}

export const handleSimpleIrq: FlowHandler = flowHandler(new SimpleFlow());
