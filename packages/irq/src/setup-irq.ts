// __setup_irq() in kernel/irq/manage.c: from a checked request to a linked action. Activation and start-up come before
// the link, all under the lock; a failure undoes them in the opposite order.
import { fail, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { busLocked } from './bus-lock.ts';
import type { TriggerType } from './chip.ts';
import { isThreaded } from './desc.ts';
import type { IrqAction, IrqDesc, IrqHandler, IrqThread, ThreadState } from './desc.ts';
import type { ActivateErrno } from './domain.ts';
import { enableLocked } from './enable.ts';
import { settled } from './flow/settled.ts';
import type { IrqRequest } from './manage.ts';
import { irqActivate, irqStartup } from './startup.ts';
import { spawnIrqThread } from './thread.ts';

export type SetupErrno = 'EINVAL' | 'ENOSYS' | 'ENOMEM' | 'ENODEV' | 'EBUSY' | ActivateErrno;

/** irq_default_primary_handler() */
const wakeThread = () => 'wake-thread' as const;

/** Masks of ONESHOT threads have a bit for each action: 32, as an unsigned long of 32 bits has. */
const ALL_THREADS = 0xffff_ffff;

export function* setupIrq(desc: IrqDesc, request: IrqRequest): Steps<Result<void, SetupErrno>> {
  const { core, state, virq } = desc;
  const call = `request_irq(${virq}, ${request.name})`;
  if (state.data === null) return fail('ENOSYS', `${call}: the interrupt has no chip`);
  if (state.nestedThread && request.thread === undefined) return fail('EINVAL', `${call}: runs in its parent's thread and so needs a thread function`);
  const action = makeAction(desc, request);
  const memory = core.ports.state;
  if (action.secondary !== null && !memory.grant('irqaction')) return fail('ENOMEM', `${call}: no memory for the action of its thread function`);
  const threads = state.nestedThread ? [] : [action, action.secondary].filter(isThreaded);
  for (const _thread of threads) if (!memory.grant('kthread')) return fail('ENOMEM', `${call}: no memory for its thread`);
  const linked = yield* desc.requestMutex.with(busLocked(desc, withResources(desc, action, request)));
  if (!linked.ok) return linked;
  const { value } = linked;
  if (isThreaded(value) && !state.nestedThread) spawnIrqThread(desc, value, value.name);
  if (value.secondary !== null) spawnIrqThread(desc, value.secondary, `s-${value.name}`);
  return ok();
}

function makeAction(desc: IrqDesc, request: IrqRequest): IrqAction {
  const { state, core } = desc;
  const { handler = wakeThread, thread = null, name, devId, shared = false, oneshot = false, percpu = false, trigger = 'none', noThread = false } = request;
  const flags = { name, devId, shared, percpu, trigger: trigger === 'none' ? state.trigger : trigger, threadMask: 0 };
  // irq_setup_forced_threading(): not for what is a thread only, or says how it is to be done.
  const force = core.options.threadirqs === true && !noThread && !percpu && !oneshot && !state.nestedThread && handler !== wakeThread;
  // Where interrupts cannot storm nothing need stay masked for a thread.
  const masks = state.data?.chip.flags?.oneshotSafe !== true;
  if (!force) return { ...flags, handler, thread, oneshot: oneshot && masks, secondary: null, threadState: threadState(desc, name) };
  const secondary = thread === null ? null : { ...flags, handler, thread, oneshot: false, secondary: null, threadState: threadState(desc, `s-${name}`) };
  const forced = asThread(handler);
  return { ...flags, handler: wakeThread, thread: forced, oneshot: masks, secondary, threadState: threadState(desc, name) };
}

function asThread(handler: IrqHandler): IrqThread {
  return (virq) => settled(handler(virq));
}

function threadState({ core, virq }: IrqDesc, name: string): ThreadState {
  return core.ports.state.record(`${core.options.name}/irq${virq}/${name}/thread`, { runThread: false, warned: false, stop: false, gone: false });
}

/** The first action asks the chip for what only it knows (irq_request_resources()), with its bus lock held. */
function* withResources(desc: IrqDesc, action: IrqAction, request: IrqRequest): Steps<Result<IrqAction, SetupErrno>> {
  const { data, actions } = desc.state;
  if (data === null) return fail('EINVAL', `request_irq(${desc.virq}, ${action.name}): the interrupt was given back meanwhile`);
  const first = actions.length === 0;
  if (first && data.chip.irqRequestResources !== undefined) {
    const resources = yield* data.chip.irqRequestResources(data);
    if (!resources.ok) return resources;
  }
  const linked = yield* desc.lock.with(link(desc, action, request));
  if (!linked.ok && first && data.chip.irqReleaseResources !== undefined) yield* data.chip.irqReleaseResources(data);
  return linked;
}

function* link(desc: IrqDesc, action: IrqAction, request: IrqRequest): Steps<Result<IrqAction, SetupErrno>> {
  const { state } = desc;
  const numbered = withThreadMask(desc, action);
  if (!numbered.ok) return numbered;
  const shares = state.actions.length > 0;
  if (shares) {
    // They agree, or nobody has said one yet.
    state.trigger = action.trigger;
  } else {
    const started = yield* setUpFirst(desc, action, request.noAutoen ?? false);
    if (!started.ok) return started;
  }
  state.actions = [...state.actions, numbered.value];
  // Spurious detection starts anew: perhaps this is the handler that was missing.
  state.irqCount = 0;
  state.irqsUnhandled = 0;
  if (shares && state.spuriousDisabled) {
    state.spuriousDisabled = false;
    yield* enableLocked(desc);
  }
  return numbered;
}

/** Whether it can be there beside the others; with its bit in their masks. */
function withThreadMask({ state, virq }: IrqDesc, action: IrqAction): Result<IrqAction, 'EBUSY' | 'EINVAL'> {
  const call = `request_irq(${virq}, ${action.name})`;
  const [holder] = state.actions;
  if (holder !== undefined) {
    const mismatch = mismatchOf(holder, action, state.trigger);
    if (mismatch !== null) return fail('EBUSY', `${call}: taken by ${holder.name} and ${mismatch}`);
  }
  if (action.oneshot) {
    const used = state.actions.reduce((mask, { threadMask }) => mask | threadMask, 0);
    if (used >>> 0 === ALL_THREADS) return fail('EBUSY', `${call}: 32 ONESHOT actions share it, and there is no bit for another`);
    return ok({ ...action, threadMask: ~used & (used + 1) });
  }
  if (action.handler === wakeThread && state.data?.chip.flags?.oneshotSafe !== true) {
    return fail('EINVAL', `${call}: only a thread and not ONESHOT: the interrupt could come for ever before the thread runs`);
  }
  return ok(action);
}

/** On what two actions of one interrupt have to agree. */
function mismatchOf(holder: IrqAction, action: IrqAction, trigger: TriggerType): string | null {
  if (!(holder.shared && action.shared)) return 'not shared by both';
  if (trigger !== 'none' && trigger !== action.trigger) return `its trigger is ${trigger}, not ${action.trigger}`;
  if (holder.oneshot !== action.oneshot) return 'not both are ONESHOT';
  if (holder.percpu !== action.percpu) return 'not both are for each CPU';
  return null;
}

function* setUpFirst(desc: IrqDesc, action: IrqAction, noAutoen: boolean): Steps<Result<void, SetupErrno>> {
  const { state } = desc;
  const before = state.trigger;
  const typed = yield* setTrigger(desc, action.trigger);
  if (!typed.ok) return typed;
  const activated = yield* irqActivate(desc);
  if (!activated.ok) {
    // The kernel leaves the type it has set.
    yield* setTrigger(desc, before);
    state.trigger = before;
    return activated;
  }
  // pending: an edge of an owner before is not for this one, though the kernel would replay it.
  Object.assign(state, { spuriousDisabled: false, waiting: false, inProgress: false, pending: false, oneshot: action.oneshot, threadsOneshot: 0, perCpu: action.percpu });
  if (!noAutoen) yield* irqStartup(desc);
  // Not one that waits for its CPUs, which the next of them would start.
  else Object.assign(state, { depth: 1, managedShutdown: false });
  return ok();
}

/** __irq_set_trigger(): a chip that knows no types takes any. */
function* setTrigger({ state }: IrqDesc, trigger: TriggerType): Steps<Result<void, 'EINVAL'>> {
  if (trigger === 'none' || state.data?.chip.irqSetType === undefined) return ok();
  const set = yield* state.data.chip.irqSetType(state.data, trigger);
  if (set.ok) state.trigger = trigger;
  return set;
}
