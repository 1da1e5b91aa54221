// What the commands do (DSA spec 3.0 §3.15, table 9-5). Each takes its operand and gives CMDSTATUS with `active` clear;
// those that wait for descriptors give undefined when a function level reset or Halt ended the wait.
import { waitUntil } from '@siov/base';
import type { ImageOf, Steps } from '@siov/base';
import { CMDSTATUS, COMMAND, COMMAND_ERROR, DEVICE_STATE, EVLSTATUS, GENCFG, handleOfOperand, WQ_STATE, wqsOfOperand } from '@siov/datasheet';
import { enableDeviceError } from './enable-device-checks.ts';
import { enableWqError } from './enable-wq-checks.ts';
import type { Selection } from './in-flight.ts';
import { resetDeviceState } from './resets.ts';
import type { ResetParts } from './resets.ts';

export type CommandStatus = ImageOf<typeof CMDSTATUS>;

export interface CommandParts extends ResetParts {
  /** A function level reset took the command away. */
  readonly abandoned: () => boolean;
}

export type Command = (parts: CommandParts, operand: number) => Steps<CommandStatus | undefined>;

const ended = (error: number, result = 0): CommandStatus => CMDSTATUS.of({ error, result });
const success = ended(COMMAND_ERROR.SUCCESS);

function* enableDevice({ registers, pci, state }: CommandParts): Steps<CommandStatus> {
  const error = enableDeviceError(registers, pci, state.disabled);
  if (error !== COMMAND_ERROR.SUCCESS) return ended(error);
  // Where the event log is used it begins at its first entry (DSA spec 3.0 §5.9).
  if (GENCFG.eventLogEnable.get(registers.get(GENCFG)) === 1) registers.set(EVLSTATUS, EVLSTATUS.reset);
  state.state = DEVICE_STATE.ENABLED;
  return success;
}

/** Nothing new comes in; what is there completes. */
function* disableDevice(parts: CommandParts): Steps<CommandStatus | undefined> {
  const { state, queues } = parts;
  if (!state.enabled) return ended(COMMAND_ERROR.DISABLE_DEVICE_NOT_ENABLED);
  state.state = DEVICE_STATE.DRAINING;
  const wqs = allWqs(parts).filter((wq) => queues.runs(wq));
  for (const wq of wqs) queues.setState(wq, WQ_STATE.DRAINING);
  if (!(yield* drained(parts, allWqs(parts)))) return undefined;
  for (const wq of wqs) queues.setState(wq, WQ_STATE.DISABLED);
  state.state = DEVICE_STATE.DISABLED;
  return success;
}

function* drainAll(parts: CommandParts): Steps<CommandStatus | undefined> {
  return (yield* drained(parts, allWqs(parts))) ? success : undefined;
}

function* abortAll(parts: CommandParts): Steps<CommandStatus | undefined> {
  return (yield* aborted(parts, allWqs(parts))) ? success : undefined;
}

function* resetDevice(parts: CommandParts): Steps<CommandStatus | undefined> {
  const { state } = parts;
  if (!state.disabled && !state.halted) state.state = DEVICE_STATE.DRAINING;
  for (const wq of allWqs(parts)) if (parts.queues.runs(wq)) parts.queues.setState(wq, WQ_STATE.DRAINING);
  // The one command that Halt does not stop: what it waits for ends all the sooner.
  while (!(yield* aborted(parts, allWqs(parts)))) if (parts.abandoned()) return undefined;
  resetDeviceState(parts);
  return success;
}

function* enableWq(parts: CommandParts, wq: number): Steps<CommandStatus> {
  const { registers, state, queues } = parts;
  if (wq > 0xff) return ended(COMMAND_ERROR.RESERVED_FIELD);
  if (wq >= registers.layout.wqs) return ended(COMMAND_ERROR.INVALID_WQ_INDEX);
  if (!state.enabled) return ended(COMMAND_ERROR.DEVICE_NOT_ENABLED);
  const error = enableWqError(parts, wq);
  if (error === COMMAND_ERROR.SUCCESS) queues.setState(wq, WQ_STATE.ENABLED);
  return ended(error);
}

/** The queues an operand names, or the error they make; nothing happens to any queue when one of them is wrong. */
function selectedWqs({ registers, queues }: CommandParts, operand: number, mustBeEnabled: boolean): number[] | CommandStatus {
  const wqs = wqsOfOperand(operand);
  if (wqs.some((wq) => wq >= registers.layout.wqs)) return ended(COMMAND_ERROR.INVALID_WQ_INDEX);
  if (mustBeEnabled && wqs.some((wq) => queues.state(wq) !== WQ_STATE.ENABLED)) return ended(COMMAND_ERROR.WQ_NOT_ENABLED);
  return wqs;
}

/** Disable, Drain, Abort WQ: `finish` ends the descriptors, `close` says whether the queue is closed for it. */
function wqCommand(finish: typeof drained, close: boolean): Command {
  return function* (parts, operand) {
    const wqs = selectedWqs(parts, operand, true);
    if (typeof wqs === 'number') return wqs;
    if (close) for (const wq of wqs) parts.queues.setState(wq, WQ_STATE.DRAINING);
    if (!(yield* finish(parts, wqs))) return undefined;
    if (close) for (const wq of wqs) parts.queues.setState(wq, WQ_STATE.DISABLED);
    return success;
  };
}

/** A queue that is disabled already only loses its configuration. */
function* resetWq(parts: CommandParts, operand: number): Steps<CommandStatus | undefined> {
  const { queues, registers } = parts;
  const wqs = selectedWqs(parts, operand, false);
  if (typeof wqs === 'number') return wqs;
  for (const wq of wqs) if (queues.runs(wq)) queues.setState(wq, WQ_STATE.DRAINING);
  if (!(yield* aborted(parts, wqs))) return undefined;
  for (const wq of wqs) registers.resetWq(wq);
  return success;
}

/** Descriptors of other PASIDs are waited for too: a drain may wait for more than it must. */
function* drainPasid(parts: CommandParts): Steps<CommandStatus | undefined> {
  return yield* drainAll(parts);
}

function* abortPasid(parts: CommandParts, pasid: number): Steps<CommandStatus | undefined> {
  return (yield* aborted(parts, allWqs(parts), pasid)) ? success : undefined;
}

function* requestHandle({ handles }: CommandParts, operand: number): Steps<CommandStatus> {
  if (operand >>> 17 !== 0) return ended(COMMAND_ERROR.RESERVED_FIELD);
  const handle = handles.request(handleOfOperand(operand));
  return handle === undefined ? ended(COMMAND_ERROR.INTERRUPT_INDEX) : ended(COMMAND_ERROR.SUCCESS, handle);
}

function* releaseHandle({ handles }: CommandParts, operand: number): Steps<CommandStatus> {
  if (operand >>> 17 !== 0) return ended(COMMAND_ERROR.RESERVED_FIELD);
  return handles.release(handleOfOperand(operand)) ? success : ended(COMMAND_ERROR.INTERRUPT_INDEX);
}

/** Waits until what is queued and in flight now has completed. False: a function level reset came, or Halt. */
function* drained(parts: CommandParts, wqs: readonly number[]): Steps<boolean> {
  const { inFlight, queues } = parts;
  const queued = allWqs(parts).map((wq) => (wqs.includes(wq) && queues.runs(wq) ? queues.occupancy(wq) : 0));
  return yield* finished(parts, 'descriptors to complete', () => inFlight.awaitAll(queued, selection(wqs)));
}

/** Gives up what is queued, and what is in flight as far as it is not being completed; waits for the engines. */
function* aborted(parts: CommandParts, wqs: readonly number[], pasid?: number): Steps<boolean> {
  const { inFlight, queues } = parts;
  const ofPasid = pasid === undefined ? {} : { pasid };
  for (const wq of wqs) {
    queues.drop(wq, pasid);
    inFlight.stop('abort', { wq, ...ofPasid });
  }
  return yield* finished(parts, 'engines to let go', () => inFlight.awaitAll([], { ...selection(wqs), ...ofPasid }));
}

/** In Halt what is queued does not complete; a wait that begins then is only for engines. */
function* finished({ inFlight, abandoned, state }: CommandParts, what: string, start: () => void): Steps<boolean> {
  start();
  const halted = state.halted;
  yield* waitUntil(`command unit: ${what}`, () => abandoned() || inFlight.allDone() || (state.halted && !halted));
  inFlight.forget();
  return !abandoned() && state.halted === halted;
}

/** One queue alone, or, as a drain may wait for more than it must, whatever the engines work on. */
function selection(wqs: readonly number[]): Selection {
  const [wq] = wqs;
  return wqs.length === 1 && wq !== undefined ? { wq } : {};
}

function allWqs({ registers }: CommandParts): number[] {
  return Array.from({ length: registers.layout.wqs }, (_each, wq) => wq);
}

/** By command code. Commands whose operand must be zero are in {@link WITHOUT_OPERAND}. */
export const COMMANDS: ReadonlyMap<number, Command> = new Map<number, Command>([
  [COMMAND.ENABLE_DEVICE, enableDevice],
  [COMMAND.DISABLE_DEVICE, disableDevice],
  [COMMAND.DRAIN_ALL, drainAll],
  [COMMAND.ABORT_ALL, abortAll],
  [COMMAND.RESET_DEVICE, resetDevice],
  [COMMAND.ENABLE_WQ, enableWq],
  [COMMAND.DISABLE_WQ, wqCommand(drained, true)],
  [COMMAND.DRAIN_WQ, wqCommand(drained, false)],
  [COMMAND.ABORT_WQ, wqCommand(aborted, false)],
  [COMMAND.RESET_WQ, resetWq],
  [COMMAND.DRAIN_PASID, drainPasid],
  [COMMAND.ABORT_PASID, abortPasid],
  [COMMAND.REQUEST_INTERRUPT_HANDLE, requestHandle],
  [COMMAND.RELEASE_INTERRUPT_HANDLE, releaseHandle],
]);

export const WITHOUT_OPERAND: ReadonlySet<number> = new Set([
  COMMAND.ENABLE_DEVICE, COMMAND.DISABLE_DEVICE, COMMAND.DRAIN_ALL, COMMAND.ABORT_ALL, COMMAND.RESET_DEVICE,
]);
