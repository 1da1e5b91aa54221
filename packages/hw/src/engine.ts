// An engine: takes descriptors from its group's queues, one at a time, checks, executes and completes them.
import { point, waitUntil } from '@siov/base';
import type { Steps } from '@siov/base';
import { COMPLETION_STATUS, DESCRIPTOR_FLAG, DESCRIPTOR_SIZE, OPCODE } from '@siov/datasheet';
import type { Arbiter } from './arbiter.ts';
import type { Completion } from './completion.ts';
import type { DescriptorChecks } from './descriptor-checks.ts';
import type { InFlight } from './in-flight.ts';
import type { InterruptEntry } from './interrupt-delivery.ts';
import type { InterruptPermission } from './interrupt-permission.ts';
import { memoryMove } from './memory-move.ts';
import type { MoveParts } from './memory-move.ts';
import type { OccupancyInterrupt } from './occupancy-interrupt.ts';
import { batchMember } from './work.ts';
import type { Outcome, Work } from './work.ts';
import type { WorkQueues } from './work-queues.ts';

const fetched = point('device', 'descriptor fetched');
const checked = point('device', 'descriptor checked');
const fetchingMember = point('device', 'fetch batch member');

export interface EngineParts extends MoveParts {
  readonly queues: WorkQueues;
  readonly arbiter: Arbiter;
  readonly occupancy: OccupancyInterrupt;
  readonly inFlight: InFlight;
  readonly checks: DescriptorChecks;
  readonly permission: InterruptPermission;
  readonly completion: Completion;
}

export class Engine {
  readonly #engine: number;
  readonly #parts: EngineParts;

  constructor(engine: number, parts: EngineParts) {
    this.#engine = engine;
    this.#parts = parts;
  }

  *run(): Steps<never> {
    const { arbiter, inFlight } = this.#parts;
    for (;;) {
      yield* waitUntil(`engine ${this.#engine}: a descriptor`, () => arbiter.choose(this.#engine) !== undefined);
      const wq = arbiter.choose(this.#engine);
      if (wq === undefined) continue;
      const work = this.#take(wq);
      yield* this.#parts.occupancy.fell(wq);
      yield fetched;
      if (!inFlight.stopped(this.#engine)) yield* this.#perform(work);
      inFlight.end(this.#engine);
    }
  }

  #take(wq: number): Work {
    const { arbiter, queues, inFlight } = this.#parts;
    const work = queues.take(wq, this.#engine);
    arbiter.served(this.#engine, wq);
    inFlight.begin(this.#engine, { wq, pasid: work.submitter.pasid });
    // Before anybody else can take from this queue: what others hold of it now is what came earlier.
    if (work.descriptor.opcode === OPCODE.DRAIN) inFlight.awaitOthers(this.#engine, this.#drained(work));
    return work;
  }

  /** The status the descriptor ended with and whether its record is in the event log, or undefined when it was abandoned. */
  *#perform(work: Work): Steps<{ readonly status: number; readonly logged: boolean } | undefined> {
    const { checks, permission, completion } = this.#parts;
    const { flags, interruptHandle } = work.descriptor;
    const wanted = (flags & DESCRIPTOR_FLAG.REQUEST_COMPLETION_INTERRUPT) !== 0 && checks.interruptLegal(work);
    const entry: InterruptEntry | undefined = wanted ? permission.entryFor(work, interruptHandle, work.submitter.pasid) : undefined;
    const refused: Outcome | undefined = wanted && entry === undefined ? { status: COMPLETION_STATUS.INTERRUPT_HANDLE } : undefined;
    const failure = checks.failure(work) ?? refused;
    yield checked;
    const outcome = failure ?? (yield* this.#execute(work));
    if (outcome === undefined) return undefined;
    // Whatever else failed, a permitted interrupt is sent; entry is undefined where it is not (DSA spec 3.0 §5.4).
    const ended = yield* completion.finish(work, outcome, entry);
    return ended === 'abandoned' ? undefined : { status: outcome.status, logged: ended === 'logged' };
  }

  *#execute(work: Work): Steps<Outcome | undefined> {
    if (this.#parts.inFlight.stopped(this.#engine)) return undefined;
    switch (work.descriptor.opcode) {
      case OPCODE.MEMMOVE:
        return yield* memoryMove(this.#parts, work);
      case OPCODE.BATCH:
        return yield* this.#batch(work);
      case OPCODE.DRAIN:
        return yield* this.#drain();
      default:
        return { status: COMPLETION_STATUS.SUCCESS };
    }
  }

  *#drain(): Steps<Outcome> {
    yield* waitUntil(`engine ${this.#engine}: earlier descriptors`, () => this.#parts.inFlight.othersDone(this.#engine));
    return { status: COMPLETION_STATUS.SUCCESS };
  }

  /** Members one after the other: a fence has nothing to wait for, only failures to see (DSA spec 3.0 §8.3). */
  *#batch(batch: Work): Steps<Outcome | undefined> {
    const { inFlight, dma } = this.#parts;
    let failed = false;
    let membersLogged = false;
    let completed = 0;
    for (; completed < batch.descriptor.size; completed++) {
      const bytes = new Uint8Array(DESCRIPTOR_SIZE);
      const address = BigInt.asUintN(64, batch.descriptor.source + BigInt(completed * DESCRIPTOR_SIZE));
      yield fetchingMember;
      if (inFlight.stopped(this.#engine)) return undefined;
      if (!(yield* dma.read(batch.submitter.pasid, address, bytes, batch.submitter.priv)).ok) {
        return { status: COMPLETION_STATUS.BATCH_LIST_FAULT, completed, membersLogged, fault: { address, write: false } };
      }
      const member = batchMember(batch, bytes, completed, membersLogged);
      if (failed && (member.descriptor.flags & DESCRIPTOR_FLAG.FENCE) !== 0) break;
      const ended = yield* this.#perform(member);
      if (ended === undefined) return undefined;
      if (ended.status !== COMPLETION_STATUS.SUCCESS) failed = true;
      if (ended.logged) membersLogged = true;
    }
    return { status: failed ? COMPLETION_STATUS.BATCH_MEMBER_FAILED : COMPLETION_STATUS.SUCCESS, completed, membersLogged };
  }

  /** A dedicated queue drains as a whole, a shared one for the submitter's PASID. */
  #drained({ wq, submitter }: Work): { wq: number; pasid?: number } {
    return this.#parts.queues.dedicated(wq) || submitter.pasid === null ? { wq } : { wq, pasid: submitter.pasid };
  }
}
