// Requesting and freeing interrupts: kernel/irq/manage.c, argument checks in the kernel's order.
import { fail, ok, waitUntil } from '@siov/base';
import type { Failure, Result, Steps } from '@siov/base';
import type { IrqCore } from './core.ts';
import type { IrqAction, IrqDesc, IrqHandler, IrqThread } from './desc.ts';
import type { ActivateErrno } from './domain.ts';
import { maskIrq, unmaskIrq } from './flow.ts';

/** Marks an interrupt line that leads nowhere (IRQ_NOTCONNECTED). */
export const IRQ_NOTCONNECTED = 2 ** 31;

export interface IrqRequest {
  /** Interrupt context. Absent: just wakes the thread. */
  readonly handler?: IrqHandler;
  /** The interrupt's thread. */
  readonly thread?: IrqThread;
  readonly name: string;
  /** Identifies the action in {@link freeIrq}; null only for unshared interrupts. */
  readonly devId: unknown;
  /** IRQF_SHARED */
  readonly shared?: boolean;
}

export type RequestErrno = 'ENOTCONN' | ActivateErrno;

/**
 * request_threaded_irq(): links the action and, for the first one, activates the hierarchy and starts the interrupt.
 * `ENOTCONN`: not connected; `EINVAL`: no such irq, no handler, sharing without devId, or a device its MSI domain no
 * longer accepts; `EBUSY`: taken and not shared; `ENOSPC`, `ENOSYS`: the hierarchy cannot be activated.
 */
export function requestIrq(core: IrqCore, virq: number, request: IrqRequest): Steps<Result<void, RequestErrno>> {
  return core.ports.trace.cross('irq', 'request_irq', { irq: virq, name: request.name }, request_(core, virq, request));
}

function* request_(core: IrqCore, virq: number, request: IrqRequest): Steps<Result<void, RequestErrno>> {
  const { handler, thread = null, name, devId, shared = false } = request;
  if (virq === IRQ_NOTCONNECTED) return fail('ENOTCONN', `request_irq(${name}): the interrupt is not connected`);
  if (shared && devId === null) return fail('EINVAL', `request_irq(${virq}, ${name}): a shared interrupt needs a devId`);
  const desc = core.desc(virq);
  if (desc === undefined) return fail('EINVAL', `request_irq(${virq}, ${name}): there is no such interrupt`);
  if (handler === undefined && thread === null) return fail('EINVAL', `request_irq(${virq}, ${name}): neither handler nor thread`);
  const action: IrqAction = {
    handler: handler ?? wakeThread,
    thread,
    name,
    devId,
    shared,
    threadState: core.ports.state.record(`${core.options.name}/irq${virq}/${name}/thread`, { wakeups: 0, running: false, stop: false, gone: thread === null }),
  };
  return yield* desc.requestMutex.with(link(core, desc, action));
}

function* link(core: IrqCore, desc: IrqDesc, action: IrqAction): Steps<Result<void, RequestErrno>> {
  const linked = yield* desc.lock.with(setupIrq(desc, action));
  if (linked.ok && action.thread !== null) {
    core.ports.spawn({ name: core.options.threadAgent(desc.virq, action.name), layer: 'irq' }, irqThread(desc.virq, action));
  }
  return linked;
}

function* wakeThread() {
  return 'wake-thread' as const;
}

/** __setup_irq(): activation and start-up come before the action is linked, all under the lock. */
function* setupIrq(desc: IrqDesc, action: IrqAction): Steps<Result<void, RequestErrno>> {
  const { state } = desc;
  if (state.data === null) return fail('EINVAL', `request_irq(${desc.virq}, ${action.name}): the interrupt was given back meanwhile`);
  const holder = state.actions[0];
  if (holder !== undefined && !(holder.shared && action.shared)) {
    return fail('EBUSY', `request_irq(${desc.virq}, ${action.name}): taken by ${holder.name} and not shared by both`);
  }
  if (holder === undefined) {
    const activated = yield* activate(desc);
    if (!activated.ok) return activated;
    state.pending = false;
    yield* startup(desc);
  }
  state.actions = [...state.actions, action];
  return ok();
}

function* activate(desc: IrqDesc): Steps<Result<void, ActivateErrno>> {
  const { data, activated } = desc.state;
  if (activated || data === null) return ok();
  const result = yield* data.domain.activate(data);
  if (result.ok) desc.state.activated = true;
  return result;
}

/** irq_startup(): the interrupt can fire from here on. */
function* startup(desc: IrqDesc): Steps<void> {
  const { state } = desc;
  state.depth = 0;
  state.disabled = false;
  const { data } = state;
  if (data?.chip.irqStartup !== undefined) {
    yield* data.chip.irqStartup(data);
    state.masked = false;
  } else yield* unmaskIrq(desc);
  state.started = true;
}

/** irq_shutdown(): the chip's own shut-down where it has one, else masking. */
function* shutdown(desc: IrqDesc): Steps<void> {
  const { state } = desc;
  if (!state.started) return;
  state.depth = 1;
  state.pending = false;
  const { data } = state;
  if (data?.chip.irqShutdown !== undefined) {
    yield* data.chip.irqShutdown(data);
    state.masked = true;
  } else yield* maskIrq(desc);
  state.disabled = true;
  state.started = false;
}

/** The thread of a threaded interrupt: one run for any number of wake-ups. Stopped with one due, it runs that first. */
function* irqThread(virq: number, action: IrqAction): Steps<void> {
  const state = action.threadState;
  for (;;) {
    yield* waitUntil(`wake-up of irq/${virq}-${action.name}`, () => state.wakeups > 0 || state.stop);
    if (state.wakeups === 0) break;
    state.wakeups = 0;
    state.running = true;
    yield* action.thread?.(virq) ?? none();
    state.running = false;
  }
  state.gone = true;
}

function* none(): Steps<void> {}

/**
 * free_irq(): unlinks the action; the last one shuts the interrupt down. When it returns no handler of the action runs
 * or will run, and the hierarchy is deactivated from the device to the root. Must not be called from the handler.
 * Returns the action's name, or null when there is no such action.
 */
export function freeIrq(core: IrqCore, virq: number, devId: unknown): Steps<string | null> {
  return core.ports.trace.cross('irq', 'free_irq', { irq: virq }, free(core, virq, devId));
}

function* free(core: IrqCore, virq: number, devId: unknown): Steps<string | null> {
  const desc = core.desc(virq);
  return desc === undefined ? null : yield* desc.requestMutex.with(unlinkAndWait(desc, devId));
}

/** The request mutex keeps a new first action out until the hierarchy is deactivated: it has to activate it again. */
function* unlinkAndWait(desc: IrqDesc, devId: unknown): Steps<string | null> {
  const action = desc.state.actions.find((each) => each.devId === devId);
  if (action === undefined) return null;
  const last = yield* desc.lock.with(unlink(desc, action));
  yield* synchronizeHardirq(desc);
  yield* stopThread(desc.virq, action);
  if (last) yield* desc.lock.with(deactivate(desc));
  return action.name;
}

function* unlink(desc: IrqDesc, action: IrqAction): Steps<boolean> {
  desc.state.actions = desc.state.actions.filter((each) => each !== action);
  if (desc.state.actions.length > 0) return false;
  yield* shutdown(desc);
  return true;
}

function* deactivate(desc: IrqDesc): Steps<void> {
  const { data } = desc.state;
  if (data === null || !desc.state.activated) return;
  yield* data.domain.deactivate(data);
  desc.state.activated = false;
}

/** synchronize_hardirq(): waits until no handler of the interrupt is running. */
export function synchronizeHardirq(desc: IrqDesc): Steps<void> {
  return waitUntil(`handlers of irq ${desc.virq} to return`, () => !desc.state.inProgress);
}

function* stopThread(virq: number, action: IrqAction): Steps<void> {
  action.threadState.stop = true;
  yield* waitUntil(`thread of irq ${virq} to end`, () => action.threadState.gone);
}

/** disable_irq_nosync(): nests; lazy, so the chip is not touched until an interrupt arrives. */
export function* disableIrqNosync(core: IrqCore, virq: number): Steps<Result<void, 'EINVAL'>> {
  const desc = core.desc(virq);
  if (desc === undefined) return noSuch('disable_irq', virq);
  return yield* desc.lock.with(disable(desc));
}

function* disable(desc: IrqDesc): Steps<Result<void, 'EINVAL'>> {
  desc.state.depth += 1;
  desc.state.disabled = true;
  return ok();
}

/**
 * enable_irq(): undoes one disable; the outermost replays one edge that came meanwhile. `EINVAL` when it is not disabled
 * or not requested: the kernel only warns and would unmask hardware that nobody handles.
 */
export function* enableIrq(core: IrqCore, virq: number): Steps<Result<void, 'EINVAL'>> {
  const desc = core.desc(virq);
  if (desc === undefined) return noSuch('enable_irq', virq);
  return yield* desc.lock.with(enable(desc));
}

function* enable(desc: IrqDesc): Steps<Result<void, 'EINVAL'>> {
  const { state } = desc;
  if (!state.started) return fail('EINVAL', `enable_irq(${desc.virq}): the interrupt is not requested`);
  if (state.depth === 0) return fail('EINVAL', `enable_irq(${desc.virq}): unbalanced, the interrupt is enabled`);
  state.depth -= 1;
  if (state.depth > 0) return ok();
  state.disabled = false;
  yield* unmaskIrq(desc);
  if (state.pending) resend(desc);
  return ok();
}

/** check_irq_resend(): asks the hierarchy to raise the interrupt again. */
function resend(desc: IrqDesc): void {
  desc.state.pending = false;
  for (let data = desc.state.data; data !== null; data = data.parent) {
    if (data.chip.irqRetrigger?.(data)) return;
  }
}

function noSuch(call: string, virq: number): Failure<'EINVAL'> {
  return fail('EINVAL', `${call}(${virq}): there is no such interrupt`);
}
