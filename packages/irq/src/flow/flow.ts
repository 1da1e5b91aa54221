// What all flow handlers share (kernel/irq/chip.c): enter under the lock, run the actions without it, leave under it.
// A flow says what each phase does; the two drivers here go through the phases, at once or step by step.
import { isSteps, waitUntil } from '@siov/base';
import type { MaybeSteps, Steps } from '@siov/base';
import type { FlowHandler } from '../chip.ts';
import type { DescState, IrqDesc } from '../desc.ts';
import { beginEvent, endEvent, runActions } from './event.ts';
import { noteInterrupt } from './note-interrupt.ts';
import { settled } from './settled.ts';

/** `poll`: the poll for lost interrupts runs the actions now; look again when it is done (irq_wait_for_poll()). */
export type Entry = 'handle' | 'leave' | 'poll';

/**
 * Phases of a flow, which all run with the descriptor's lock held, and the way through them. A class, so that the engine
 * knows where each call of a phase goes.
 */
export abstract class Flow {
  abstract readonly name: FlowHandler['name'];
  /** Whether the interrupt is handled now; counts it if so. Changes the descriptor only. */
  abstract enter(desc: IrqDesc, cpu: number): Entry;
  /** What the hardware gets after `leave`. */
  abstract refuse(desc: IrqDesc): MaybeSteps<void>;
  /** What the hardware gets before the actions. */
  abstract begin(desc: IrqDesc): MaybeSteps<void>;
  /** And after them. True: the actions run once more. */
  abstract end(desc: IrqDesc): MaybeSteps<boolean>;

  /** At once where nobody can come between; from the first phase on that has to wait, step by step. */
  handle(desc: IrqDesc, cpu: number): MaybeSteps<void> {
    if (!desc.core.atOnce || desc.lock.held || desc.state.pollInProgress) return handleSteps(this, desc, cpu);
    if (this.enter(desc, cpu) !== 'handle') {
      const refused = this.refuse(desc);
      return isSteps(refused) ? desc.lock.with(refused) : undefined;
    }
    const begun = this.begin(desc);
    if (isSteps(begun)) return goOnFromBegin(this, desc, begun);
    for (;;) {
      beginEvent(desc);
      const outcome = runActions(desc);
      if (isSteps(outcome)) return goOnFromActions(this, desc, outcome);
      const noted = noteInterrupt(desc, outcome);
      if (isSteps(noted)) return goOnFromNote(this, desc, noted);
      endEvent(desc);
      const again = this.end(desc);
      if (isSteps(again)) return goOnFromEnd(this, desc, again);
      if (!again) return undefined;
    }
  }
}

/** What the core and the chips see of a flow. */
export function flowHandler(flow: Flow): FlowHandler {
  return { name: flow.name, handle: (desc, cpu) => flow.handle(desc, cpu) };
}

/** irq_may_run(): not while the actions run already. */
export function whileInProgress(state: DescState): Entry {
  return state.pollInProgress ? 'poll' : 'leave';
}

/** kstat_incr_irqs_this_cpu() */
export function countEvent({ counts }: IrqDesc, cpu: number): void {
  counts[cpu] = (counts[cpu] as number) + 1;
}

/** For flows that look only then: the actions do not run, so it is handled if anybody wants it, and latched if not. */
export function enterAtRest(desc: IrqDesc, cpu: number): Entry {
  const { state } = desc;
  state.replay = false;
  state.waiting = false;
  if (state.disabled || state.actions.length === 0) {
    state.pending = true;
    return 'leave';
  }
  countEvent(desc, cpu);
  return 'handle';
}

function* handleSteps(flow: Flow, desc: IrqDesc, cpu: number): Steps<void> {
  for (;;) {
    const entry = yield* desc.lock.with(enter(flow, desc, cpu));
    if (entry === 'handle') return yield* runEvents(flow, desc);
    if (entry === 'leave') return;
    yield* waitUntil(`the poll of irq ${desc.virq}`, () => !desc.state.inProgress);
  }
}

function* enter(flow: Flow, desc: IrqDesc, cpu: number): Steps<Entry> {
  const entry = flow.enter(desc, cpu);
  if (entry === 'leave') yield* settled(flow.refuse(desc));
  if (entry === 'handle') yield* begin(desc, settled(flow.begin(desc)));
  return entry;
}

function* begin(desc: IrqDesc, begun: Steps<void>): Steps<void> {
  yield* begun;
  beginEvent(desc);
}

/** With the event begun: the actions, until the flow is content. */
function* runEvents(flow: Flow, desc: IrqDesc): Steps<void> {
  do {
    yield* settled(noteInterrupt(desc, yield* settled(runActions(desc))));
  } while (yield* desc.lock.with(end(flow, desc)));
}

function* end(flow: Flow, desc: IrqDesc): Steps<boolean> {
  endEvent(desc);
  return yield* beginAgain(desc, settled(flow.end(desc)));
}

function* beginAgain(desc: IrqDesc, ended: Steps<boolean>): Steps<boolean> {
  const again = yield* ended;
  if (again) beginEvent(desc);
  return again;
}

function* goOnFromBegin(flow: Flow, desc: IrqDesc, begun: Steps<void>): Steps<void> {
  yield* desc.lock.with(begin(desc, begun));
  yield* runEvents(flow, desc);
}

function* goOnFromActions(flow: Flow, desc: IrqDesc, outcome: Steps<number>): Steps<void> {
  yield* goOnFromNote(flow, desc, settled(noteInterrupt(desc, yield* outcome)));
}

function* goOnFromNote(flow: Flow, desc: IrqDesc, noted: Steps<void>): Steps<void> {
  yield* noted;
  if (yield* desc.lock.with(end(flow, desc))) yield* runEvents(flow, desc);
}

function* goOnFromEnd(flow: Flow, desc: IrqDesc, ended: Steps<boolean>): Steps<void> {
  if (yield* desc.lock.with(beginAgain(desc, ended))) yield* runEvents(flow, desc);
}
