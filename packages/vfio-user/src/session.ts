// One client's connection as a state machine over bytes and descriptors: no I/O of its own, so that all of it can be
// tested and fuzzed without a socket. Bytes go in through `receive`, replies come out through a port.
import { fail } from '@siov/base';
import type { Errno, Result, Steps } from '@siov/base';
import type { VfioDevice } from '@siov/vfio';
import type { DmaMemory } from './dma-memory.ts';
import { DmaTable } from './dma-table.ts';
import type { Counters, VfioUserEvent } from './events.ts';
import { Framer } from './framing.ts';
import type { Message } from './framing.ts';
import { capabilitiesOf, maxMessageSize } from './limits.ts';
import type { Limits } from './limits.ts';
import type { RequestContext, SessionPorts } from './request-context.ts';
import { FD_COMMANDS, HANDLERS, SPOKEN_ELSEWHERE } from './requests.ts';
import { answerVersion, decodeVersion, encodeVersion } from './version.ts';
import type { Proposal } from './version.ts';
import { COMMAND, commandName, encodeError, FLAG, HEADER_SIZE, newMessage, sealReply, TYPE, TYPE_MASK } from './wire.ts';

export interface SessionOptions {
  readonly device: VfioDevice;
  /** Runs a device call to its end. What it throws becomes an EIO reply. */
  readonly run: <T>(steps: Steps<T>) => T;
  /** Wraps a device call before it is run: where the embedder's trace learns that this layer made it. */
  readonly wrap?: <T>(operation: string, steps: Steps<T>) => Steps<T>;
  readonly ports: SessionPorts;
  readonly limits: Limits;
  readonly counters: Counters;
  readonly onEvent?: (event: VfioUserEvent) => void;
}

/** What came of a message: the reply (of `newMessage`, header not yet written) or a failure. */
type Outcome = Result<Uint8Array>;

export class Session implements RequestContext {
  readonly device: VfioDevice;
  readonly ports: SessionPorts;
  readonly limits: Limits;
  readonly counters: Counters;
  readonly dma: DmaTable<DmaMemory>;
  readonly #options: SessionOptions;
  readonly #framer: Framer;
  #agreed: Proposal | undefined;
  #broken: string | undefined;
  #ended = false;
  #stray = 0;
  /** No reply any more: it would come too late. */
  #mute = false;

  constructor(options: SessionOptions) {
    const { device, ports, limits, counters } = options;
    this.#options = options;
    this.device = device;
    this.ports = ports;
    this.limits = limits;
    this.counters = counters;
    this.dma = new DmaTable(limits.maxDmaMaps);
    const framing = { maxMessage: maxMessageSize(limits), maxFds: limits.maxMessageFds };
    this.#framer = new Framer(framing, (fd) => this.#discard([fd]));
  }

  /** Why the connection has to be closed; undefined while it is in order. */
  get broken(): string | undefined {
    return this.#broken;
  }

  get negotiated(): boolean {
    return this.#agreed !== undefined;
  }

  /** Whether part of a message is here and the rest is not. */
  get midMessage(): boolean {
    return this.#framer.midMessage;
  }

  /** Whether client and server agreed on REGION_WRITE_MULTI. */
  get writeMultiple(): boolean {
    return this.#agreed?.capabilities.write_multiple === true;
  }

  /** Takes one read's bytes, which must stay untouched until {@link step} has returned false, and its descriptors. */
  receive(bytes: Uint8Array, fds: readonly number[], fdsLost = false): void {
    if (this.#broken === undefined && !this.#ended) this.#framer.push(bytes, fds, fdsLost);
    else this.#discard(fds);
  }

  /** Handles one message; false when no whole message is left, or the session is broken. */
  step(): boolean {
    if (this.#broken !== undefined || this.#ended) return false;
    const message = this.#framer.next();
    if (message === 'broken') this.breakOff('a message of impossible size');
    if (message === undefined || message === 'broken') return false;
    try {
      this.#handle(message);
    } finally {
      this.#discard(message.fds.splice(0));
    }
    return true;
  }

  /** Marks the connection as beyond repair. The first reason stays. */
  breakOff(reason: string): void {
    this.#broken ??= reason;
  }

  /** The client is gone: the device is released, every mapping undone, every descriptor closed. Again is harmless. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#framer.drop();
    try {
      if (this.negotiated) this.call('release', this.device.release());
    } catch (error) {
      this.emit({ kind: 'device-error', operation: 'release', error });
    }
    for (const { memory } of this.dma.ranges) memory?.detach();
  }

  /** Runs a device call. Throws what it throws. */
  call<T>(operation: string, steps: Steps<T>): T {
    const { run, wrap } = this.#options;
    const begin = this.ports.now();
    const value = run(wrap === undefined ? steps : wrap(operation, steps));
    const took = this.ports.now() - begin;
    if (took > this.limits.replyDeadline) {
      this.#mute = true;
      this.breakOff(`${operation} took ${Math.round(took)} ms, the client no longer waits`);
    }
    return value;
  }

  emit(event: VfioUserEvent): void {
    this.#options.onEvent?.(event);
  }

  #discard(fds: readonly number[]): void {
    for (const fd of fds) this.ports.closeFd(fd);
    this.counters.excessFds += fds.length;
  }

  #handle(message: Message): void {
    const { header } = message;
    // Never answered: a reply to a reply could be answered in turn, for ever.
    if ((header.flags & TYPE_MASK) !== TYPE.COMMAND) {
      this.counters.strayReplies += 1;
      this.#stray += 1;
      if (this.#stray > this.limits.maxStrayReplies) this.breakOff('too many messages that are no commands');
      return;
    }
    const noReply = (header.flags & FLAG.NO_REPLY) !== 0;
    const fds = message.fds.length;
    const outcome = this.#serve(message);
    this.#count(message, outcome, noReply, fds);
    if (!noReply && !this.#mute) this.#answer(message, outcome);
  }

  #answer({ header }: Message, outcome: Outcome): void {
    if (!outcome.ok) {
      this.ports.reply(encodeError(header, outcome.errno));
      return;
    }
    sealReply(outcome.value, header);
    this.ports.reply(outcome.value);
  }

  #serve(message: Message): Outcome {
    const { command } = message.header;
    const allowed = FD_COMMANDS.has(command) ? this.limits.maxMessageFds : 0;
    if (message.fdsLost || message.fds.length > allowed) {
      return fail('EINVAL', `${commandName(command)}: brought more descriptors than the ${allowed} it may`);
    }
    if (command === COMMAND.VERSION || !this.negotiated) return this.#negotiate(message);
    const handler = HANDLERS.get(command);
    if (handler === undefined) {
      return fail(SPOKEN_ELSEWHERE.has(command) ? 'EOPNOTSUPP' : 'ENOSYS', `${commandName(command)} is not served`);
    }
    try {
      return handler(this, message);
    } catch (error) {
      this.emit({ kind: 'device-error', operation: commandName(command), error });
      return fail('EIO', `${commandName(command)}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }

  /** VERSION is the first message and comes once; anything else ends the session. */
  #negotiate(message: Message): Outcome {
    const outcome = this.#agree(message);
    if (!outcome.ok) this.breakOff(outcome.message);
    return outcome;
  }

  #agree({ header, payload }: Message): Outcome {
    if (header.command !== COMMAND.VERSION) return fail('EINVAL', `${commandName(header.command)} before VERSION`);
    if (this.negotiated) return fail('EINVAL', 'VERSION came twice');
    const proposal = decodeVersion(payload);
    if (!proposal.ok) return proposal;
    const answer = answerVersion(proposal.value, capabilitiesOf(this.limits));
    if (!answer.ok) return answer;
    this.#agreed = answer.value;
    const { minor, capabilities } = answer.value;
    this.emit({ kind: 'negotiated', minor, capabilities });
    const bytes = encodeVersion(answer.value);
    const reply = newMessage(bytes.length);
    reply.set(bytes, HEADER_SIZE);
    return { ok: true, value: reply };
  }

  #count({ header }: Message, outcome: Outcome, noReply: boolean, fds: number): void {
    this.counters.requests += 1;
    if (noReply) this.counters.posted += 1;
    if (!outcome.ok) this.counters.failures += 1;
    if (this.#options.onEvent === undefined) return;
    const { id, size, command } = header;
    const failed: { errno?: Errno; message?: string } = outcome.ok ? {} : { errno: outcome.errno, message: outcome.message };
    this.emit({ kind: 'request', command: commandName(command), id, size, fds, noReply, ...failed });
  }
}
