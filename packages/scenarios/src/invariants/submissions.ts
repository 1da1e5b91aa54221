// Which descriptors were submitted that may have an interrupt: an entry's message needs one of them.
import type { StatePort } from '@siov/base';
import { decodeDescriptor, DESCRIPTOR_FLAG, DESCRIPTOR_SIZE, DescriptorPasid, layoutOf, OPCODE, portalOf } from '@siov/datasheet';
import type { DmaPort, PortalPort } from '@siov/hw';
import type { ImsDesc } from '@siov/ims';
import type { EntryMessage } from './messages.ts';
import { Violations } from './violations.ts';
import { entryState, idOf, named, pasidText } from './subject.ts';
import type { Subject, Violation } from './subject.ts';

/** A descriptor that names an entry and asks for its interrupt. */
interface Named {
  readonly pasid: number | null;
  /** Whose the entry was when it was submitted. */
  readonly owner: ImsDesc | null;
  /** The id was the one intended for that owner's interrupt then. */
  readonly permitted: boolean;
}

/** The members of a batch that the device has not fetched. */
interface BatchList {
  readonly pasid: number | null;
  readonly first: bigint;
  readonly end: bigint;
}

/** Handles name entries by their number: the function gives no others (GENCAP without Request Interrupt Handle). */
export class Submissions {
  readonly #violations: Violations;
  /** Messages of entries that were looked at, descriptors that asked for an interrupt they may not have, and inherited edges. */
  readonly counts = { messages: 0, foreign: 0, inherited: 0 };
  #subject: Subject | null = null;
  readonly #batches: { lists: readonly BatchList[] };
  /** By entry, those that the device has not sent a message for. */
  readonly #named: Map<number, readonly Named[]>;

  constructor(state: StatePort) {
    this.#violations = new Violations(state, 'submissions');
    this.#batches = state.record('history/batches', { lists: [] as readonly BatchList[] });
    this.#named = state.map('history/named');
  }

  get violations(): readonly Violation[] {
    return this.#violations.list;
  }

  attach(subject: Subject): void {
    this.#subject = subject;
  }

  tapPortals(port: PortalPort): PortalPort {
    const submitted = (offset: number, bytes: Uint8Array) => {
      const portal = portalOf(offset);
      if (portal?.ims === true && bytes.length === DESCRIPTOR_SIZE) this.#submitted(bytes, this.#pasidOf(portal.wq, bytes));
    };
    return {
      *submit(offset, bytes) {
        submitted(offset, bytes);
        yield* port.submit(offset, bytes);
      },
      *enqueue(offset, bytes) {
        submitted(offset, bytes);
        return yield* port.enqueue(offset, bytes);
      },
    };
  }

  /** A member of a batch is submitted when the device fetches it. */
  tapDma(port: DmaPort): DmaPort {
    const fetched = (pasid: number | null, address: bigint, bytes: Uint8Array) => {
      const member = this.#batches.lists.some((list) => list.pasid === pasid && address >= list.first && address < list.end);
      if (member && bytes.length === DESCRIPTOR_SIZE) this.#submitted(bytes, pasid);
    };
    return {
      write: (pasid, address, from, privileged) => port.write(pasid, address, from, privileged),
      *read(pasid, address, into, privileged) {
        const result = yield* port.read(pasid, address, into, privileged);
        if (result.ok) fetched(pasid, address, into);
        return result;
      },
    };
  }

  delivered({ slot, owner }: EntryMessage): void {
    const subject = this.#subject;
    if (subject === null) return;
    this.counts.messages += 1;
    const submitted = this.#named.get(slot) ?? [];
    const intended = this.#intended(subject, owner);
    // Whose the entry was then does not matter to who submitted for his own: the device compares when it takes the descriptor.
    const good = submitted.findIndex((each) => (each.owner === owner ? each.permitted : serves(intended, each.pasid)));
    const former = good >= 0 || subject.inheritsPending !== true ? -1 : submitted.findIndex((each) => each.permitted);
    if (former >= 0) this.counts.inherited += 1;
    const used = Math.max(good, former);
    if (used >= 0) this.#named.set(slot, submitted.toSpliced(used, 1));
    else this.#violations.push(`I3: ${named({ slot, owner })} sends its message, and no descriptor of ${pasidText(intended)} that names it was submitted`);
  }

  /** Nothing is queued or in hand any more: what an entry does not keep pending will not come. */
  settled(): void {
    if (this.#subject === null || !this.#subject.host.silicon.idle) return;
    this.#batches.lists = [];
    for (const [slot, submitted] of this.#named) {
      const kept = submitted.findIndex((each) => each.permitted);
      this.#named.set(slot, this.#subject.host.silicon.imsEntry(slot).pending && kept >= 0 ? submitted.slice(kept, kept + 1) : []);
    }
  }

  #submitted(bytes: Uint8Array, pasid: number | null): void {
    const { opcode, flags, interruptHandle: slot, source, size } = decodeDescriptor(bytes);
    if (opcode === OPCODE.BATCH) this.#batches.lists = [...this.#batches.lists, { pasid, first: source, end: source + BigInt(size * DESCRIPTOR_SIZE) }];
    if ((flags & DESCRIPTOR_FLAG.REQUEST_COMPLETION_INTERRUPT) === 0 || this.#subject === null) return;
    if (slot >= layoutOf(this.#subject.host.silicon.profile).imsEntries) return;
    const { owner } = entryState(this.#subject, slot);
    const permitted = owner !== null && serves(this.#intended(this.#subject, owner), pasid);
    if (!permitted) this.counts.foreign += 1;
    this.#named.set(slot, [...(this.#named.get(slot) ?? []), { pasid, owner, permitted }]);
  }

  /** What its owner has stored for the interrupt, or where he stores nothing, what is bound to it. */
  #intended(subject: Subject, owner: ImsDesc): number | null {
    return subject.history.ids.now(owner.device.name, owner.index) ?? idOf(subject, owner);
  }

  /** In whose name the queue submits, or for a shared queue the descriptor itself. */
  #pasidOf(wq: number, bytes: Uint8Array): number | null {
    if (this.#subject === null) return null;
    const mode = this.#subject.host.silicon.wqMode(wq);
    if (!mode.pasidEnable) return null;
    const first = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
    return mode.dedicated ? mode.pasid : DescriptorPasid.pasid.get(DescriptorPasid.image(first));
  }
}

/** An interrupt without an id is for whoever can submit (R3). */
function serves(intended: number | null, pasid: number | null): boolean {
  return intended === null || intended === pasid;
}
