// Replaying an interrupt that came while it could not be handled (kernel/irq/resend.c): by the hardware where it can,
// else by a tasklet that calls the flow handler.
import { fail, isSteps, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import type { IrqCore } from './core.ts';
import { lowestCpu } from './cpu-mask.ts';
import type { IrqDesc } from './desc.ts';
import { retriggerIrq } from './hierarchy.ts';

export type ResendErrno = 'EINVAL' | 'EBUSY';

/**
 * check_irq_resend(), under the descriptor's lock: replays what is pending, or with `inject` raises the interrupt
 * anyway. `EINVAL`: level interrupts raise themselves again, or only the hardware may raise this one and cannot;
 * `EBUSY`: a replay is on its way.
 */
export function checkIrqResend(desc: IrqDesc, inject: boolean): Result<void, ResendErrno> {
  const { state, virq } = desc;
  if (isLevel(desc)) {
    state.pending = false;
    return fail('EINVAL', `irq ${virq} is level triggered: the device raises it again while it needs to`);
  }
  if (state.replay) return fail('EBUSY', `irq ${virq} is being replayed already`);
  if (!state.pending && !inject) return ok();
  state.pending = false;
  const resent = retriggerIrq(state.data) ? ok() : softwareResend(desc);
  if (resent.ok) state.replay = true;
  return resent;
}

/** irqd_is_level_type() */
export function isLevel({ state }: IrqDesc): boolean {
  return state.trigger === 'level-high' || state.trigger === 'level-low';
}

/** irq_sw_resend() */
function softwareResend({ core, virq, state }: IrqDesc): Result<void, 'EINVAL'> {
  if (state.enforceIrqContext) return fail('EINVAL', `irq ${virq} can only be raised by its hardware, and that cannot do it again`);
  if (state.nestedThread) return fail('EINVAL', `irq ${virq} runs in its parent's thread and has none that could replay it`);
  core.resendList.add(virq);
  return ok();
}

/** The virqs to replay, and the tasklet that does it (resend_irqs()). */
export class ResendList {
  readonly #core: IrqCore;
  readonly #state: { virqs: readonly number[]; scheduled: boolean };

  constructor(core: IrqCore) {
    this.#core = core;
    this.#state = core.ports.state.record(`${core.options.name}/resend`, { virqs: [] as readonly number[], scheduled: false });
  }

  add(virq: number): void {
    if (!this.#state.virqs.includes(virq)) this.#state.virqs = [...this.#state.virqs, virq];
    if (this.#state.scheduled) return;
    this.#state.scheduled = true;
    this.#core.ports.spawn({ name: `${this.#core.options.name} resend tasklet`, layer: 'irq' }, this.#run());
  }

  /** clear_irq_resend() */
  remove(virq: number): void {
    this.#state.virqs = this.#state.virqs.filter((each) => each !== virq);
  }

  *#run(): Steps<void> {
    for (;;) {
      const [virq, ...rest] = this.#state.virqs;
      if (virq === undefined) break;
      this.#state.virqs = rest;
      const handled = this.#core.handleIrq(virq, lowestCpu(this.#core.online));
      if (isSteps(handled)) yield* handled;
    }
    this.#state.scheduled = false;
  }
}
