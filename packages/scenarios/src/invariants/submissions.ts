// Which descriptors were submitted that may have an interrupt: an entry's message needs one of them.
import { runToCompletion } from '@siov/base';
import { decodeDescriptor, DESCRIPTOR_FLAG, DESCRIPTOR_SIZE, DescriptorPasid, layoutOf, OPCODE, portalOf, Wqcfg } from '@siov/datasheet';
import type { DmaPort, PortalPort } from '@siov/hw';
import type { ImsDesc } from '@siov/ims';
import type { EntryMessage } from './messages.ts';
import { entryState, idOf, named, pasidText } from './subject.ts';
import type { Subject, Violation } from './subject.ts';

/** A descriptor that names an entry, in the name of the PASID that was the entry's when it was submitted. */
interface Permitted {
  readonly owner: ImsDesc;
}

/** The members of a batch that the device has not fetched. */
interface BatchList {
  readonly pasid: number | null;
  readonly first: bigint;
  readonly end: bigint;
}

/** Handles name entries by their number: the function gives no others (GENCAP without Request Interrupt Handle). */
export class Submissions {
  readonly violations: Violation[] = [];
  /** Messages of entries that were looked at, descriptors that asked for an interrupt they may not have, and inherited edges. */
  readonly counts = { messages: 0, foreign: 0, inherited: 0 };
  #subject: Subject | null = null;
  #lists: readonly BatchList[] = [];
  readonly #permitted = new Map<number, readonly Permitted[]>();

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
      const member = this.#lists.some((list) => list.pasid === pasid && address >= list.first && address < list.end);
      if (member && bytes.length === DESCRIPTOR_SIZE) this.#submitted(bytes, pasid);
    };
    return {
      write: (pasid, address, from) => port.write(pasid, address, from),
      *read(pasid, address, into) {
        const result = yield* port.read(pasid, address, into);
        if (result.ok) fetched(pasid, address, into);
        return result;
      },
    };
  }

  delivered({ slot, owner }: EntryMessage): void {
    this.counts.messages += 1;
    const permitted = this.#permitted.get(slot) ?? [];
    const own = permitted.findIndex((each) => each.owner === owner);
    const inherited = own < 0 && permitted.length > 0 && this.#subject?.inheritsPending === true;
    if (inherited) this.counts.inherited += 1;
    if (own >= 0 || inherited) this.#permitted.set(slot, permitted.toSpliced(Math.max(own, 0), 1));
    else if (this.#subject !== null) {
      const { host } = this.#subject;
      this.violations.push(`I3: ${named(entryState({ host }, slot))} sends its message, and no descriptor of ${pasidText(idOf(this.#subject, owner))} that names it was submitted since it has it`);
    }
  }

  /** Nothing is queued or in hand any more: what an entry does not keep pending will not come. */
  settled(): void {
    if (this.#subject === null || !this.#subject.host.silicon.idle) return;
    this.#lists = [];
    for (const [slot, permitted] of this.#permitted) {
      this.#permitted.set(slot, this.#subject.host.silicon.imsEntry(slot).pending ? permitted.slice(0, 1) : []);
    }
  }

  #submitted(bytes: Uint8Array, pasid: number | null): void {
    const { opcode, flags, interruptHandle: slot, source, size } = decodeDescriptor(bytes);
    if (opcode === OPCODE.BATCH) this.#lists = [...this.#lists, { pasid, first: source, end: source + BigInt(size * DESCRIPTOR_SIZE) }];
    if ((flags & DESCRIPTOR_FLAG.REQUEST_COMPLETION_INTERRUPT) === 0 || this.#subject === null) return;
    if (slot >= layoutOf(this.#subject.host.silicon.profile).imsEntries) return;
    const { owner } = entryState(this.#subject, slot);
    const intended = owner === null ? undefined : idOf(this.#subject, owner);
    // An entry without an id checks none: whoever can submit may use it (R3).
    if (owner !== null && (intended === null || intended === pasid)) this.#permitted.set(slot, [...(this.#permitted.get(slot) ?? []), { owner }]);
    else this.counts.foreign += 1;
  }

  /** In whose name the queue submits, or for a shared queue the descriptor itself. */
  #pasidOf(wq: number, bytes: Uint8Array): number | null {
    if (this.#subject === null) return null;
    const { silicon } = this.#subject.host;
    const { offsets, wqcfgSize } = layoutOf(silicon.profile);
    const mode = Wqcfg.Mode.decode(Wqcfg.Mode.image(runToCompletion(silicon.bar0.read(offsets.wqcfg + wq * wqcfgSize + Wqcfg.Mode.offset, 4))));
    if (mode.pasidEnable === 0) return null;
    const first = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
    return mode.dedicated === 1 ? mode.pasid : DescriptorPasid.pasid.get(DescriptorPasid.image(first));
  }
}
