// Requesting and freeing interrupts: kernel/irq/manage.c, argument checks in the kernel's order.
import { fail } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import { busLocked } from './bus-lock.ts';
import type { TriggerType } from './chip.ts';
import type { IrqCore } from './core.ts';
import { isThreaded } from './desc.ts';
import type { IrqAction, IrqDesc, IrqHandler, IrqThread } from './desc.ts';
import { waitForHandlers } from './enable.ts';
import { setupIrq } from './setup-irq.ts';
import type { SetupErrno } from './setup-irq.ts';
import { irqDomainDeactivateIrq, irqShutdown } from './startup.ts';
import { stopThread } from './thread.ts';

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
  /** IRQF_ONESHOT: stays masked from the interrupt until its thread is done. */
  readonly oneshot?: boolean;
  /** IRQF_NO_AUTOEN: started by the first enable_irq(). */
  readonly noAutoen?: boolean;
  /** IRQF_PERCPU: every CPU has its own. */
  readonly percpu?: boolean;
  /** IRQF_NO_THREAD: the handler runs in interrupt context also where all are made threads. */
  readonly noThread?: boolean;
  /** IRQF_NO_SUSPEND and IRQF_COND_SUSPEND: how it takes part in system suspend, of which only the rules for combining them are here. */
  readonly noSuspend?: boolean;
  readonly condSuspend?: boolean;
  /** IRQF_TRIGGER_*; absent: as the interrupt is set up. */
  readonly trigger?: TriggerType;
}

export type RequestErrno = 'ENOTCONN' | SetupErrno;

/** request_irq(): {@link requestThreadedIrq} without a thread. */
export function requestIrq(core: IrqCore, virq: number, request: Omit<IrqRequest, 'thread'>): Steps<Result<void, RequestErrno>> {
  return requestThreadedIrq(core, virq, request);
}

/**
 * request_threaded_irq(): links the action and, for the first one, activates the hierarchy and starts the interrupt.
 * `ENOTCONN`: not connected; `EINVAL`: no such irq, one that is not to be requested, no handler, flags that exclude each
 * other, a threaded handler that could storm without ONESHOT, or what the chip or a domain refuses; `EBUSY`: taken and
 * not shared with equal flags by both, or 32 ONESHOT actions share it; `ENOMEM`; `ENOSYS`: no chip, or nothing composes
 * its message; `ENODEV`: the chip's resources; `ENOSPC`: no vector.
 */
export function requestThreadedIrq(core: IrqCore, virq: number, request: IrqRequest): Steps<Result<void, RequestErrno>> {
  return core.ports.trace.cross('irq', 'request_irq', { irq: virq, name: request.name }, check(core, virq, request));
}

function* check(core: IrqCore, virq: number, request: IrqRequest): Steps<Result<void, RequestErrno>> {
  const call = `request_irq(${virq}, ${request.name})`;
  if (virq === IRQ_NOTCONNECTED) return fail('ENOTCONN', `request_irq(${request.name}): the interrupt is not connected`);
  const conflict = conflictOf(request);
  if (conflict !== null) return fail('EINVAL', `${call}: ${conflict}`);
  const desc = core.desc(virq);
  if (desc === undefined) return fail('EINVAL', `${call}: there is no such interrupt`);
  if (desc.state.noRequest || desc.state.perCpuDevid) return fail('EINVAL', `${call}: the interrupt is not to be requested`);
  if (request.handler === undefined && request.thread === undefined) return fail('EINVAL', `${call}: neither handler nor thread`);
  if (!core.ports.state.grant('irqaction')) return fail('ENOMEM', `${call}: no memory for the action`);
  return yield* setupIrq(desc, request);
}

/** Flags that exclude each other. */
function conflictOf({ shared = false, devId, noAutoen = false, noSuspend = false, condSuspend = false }: IrqRequest): string | null {
  if (shared && (devId === null || devId === undefined)) return 'a shared interrupt needs a devId';
  if (shared && noAutoen) return 'a shared interrupt is enabled: who shares it would wait for its interrupts for ever';
  if (condSuspend && !shared) return 'IRQF_COND_SUSPEND is for shared interrupts';
  if (noSuspend && condSuspend) return 'IRQF_NO_SUSPEND and IRQF_COND_SUSPEND exclude each other';
  return null;
}

/**
 * free_irq(): unlinks the action; the last one shuts the interrupt down. When it returns no handler or thread of the
 * action runs or will run, and after the last one the hierarchy is deactivated from the device to the root. Must not be
 * called from the handler. Returns the action's name, or null when there is no such action.
 */
export function freeIrq(core: IrqCore, virq: number, devId: unknown): Steps<string | null> {
  return core.ports.trace.cross('irq', 'free_irq', { irq: virq }, free(core, virq, devId));
}

function* free(core: IrqCore, virq: number, devId: unknown): Steps<string | null> {
  const desc = core.desc(virq);
  return desc === undefined || desc.state.perCpuDevid ? null : yield* desc.requestMutex.with(unlinkAndWait(desc, devId));
}

/** __free_irq(). The request mutex keeps a new first action out until the hierarchy is deactivated: it has to activate it again. */
function* unlinkAndWait(desc: IrqDesc, devId: unknown): Steps<string | null> {
  const action = yield* busLocked(desc, desc.lock.with(unlink(desc, devId)));
  if (action === null) return null;
  yield* waitForHandlers(desc, true);
  if (isThreaded(action) && !desc.state.nestedThread) yield* stopThread(desc, action);
  if (action.secondary !== null) yield* stopThread(desc, action.secondary);
  if (desc.state.actions.length === 0) yield* busLocked(desc, release(desc));
  return action.name;
}

function* unlink(desc: IrqDesc, devId: unknown): Steps<IrqAction | null> {
  const { state } = desc;
  const action = state.actions.find((each) => each.devId === devId);
  if (action === undefined) {
    desc.core.log.warn(`Trying to free already-free IRQ ${desc.virq}`);
    return null;
  }
  state.actions = state.actions.filter((each) => each !== action);
  if (state.actions.length > 0) return action;
  state.disableUnlazy = false;
  yield* irqShutdown(desc);
  return action;
}

/** Nothing of it is on the way any more. */
function* release(desc: IrqDesc): Steps<void> {
  yield* desc.lock.with(irqDomainDeactivateIrq(desc));
  const { data } = desc.state;
  if (data?.chip.irqReleaseResources !== undefined) yield* data.chip.irqReleaseResources(data);
}
