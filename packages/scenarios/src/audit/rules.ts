// The rules of the audit, as data: each with its number (kernel invariants I1..I12, demands of the review R1..R26), what it
// says, the review's own sentence, and how an event is judged by what the trace has told before it.
import { wrongWith } from '../invariants/i02-single-writer.ts';
import { alongLayers } from '../invariants/i12-layers.ts';
import type { Layers } from '../invariants/i12-layers.ts';
import type { AuditEvent } from './events.ts';
import type { Happening } from './happenings.ts';
import { backingKey, messageOf } from './state.ts';
import type { AuditState, Call, Entry } from './state.ts';

/** An event with what was known before it. */
export interface Judged {
  readonly event: AuditEvent;
  readonly what: Happening;
  readonly state: AuditState;
  /** A call of the agent's that has returned by now. */
  readonly returned: Call | null;
  /** Null: the declaration of the layers is not at hand. */
  readonly layers: Layers | null;
}

export interface Rule {
  readonly id: string;
  readonly says: string;
  /** In the review's words. */
  readonly review: string;
  /** Undefined: the rule says nothing of such an event; null: it is kept; a text: what breaks it. */
  readonly judge: (judged: Judged) => string | null | undefined;
}

const ORDER = 'What enforces this ordering? Certainly not the hardware.';
const AFTERWARDS = 'Setting MSIXPERM _after_ request_irq() completed is just wrong';
const BEFORE = 'So it can store the guest PASID _before_ it triggers the mechanism which makes vfio/host initialize the interrupts.';
const CHIP = 'The IMS irq chip driver retrieves PASID from struct device and does that.';

export const RULES: readonly Rule[] = [
  {
    id: 'I1',
    says: 'an entry is unmasked only while its interrupt is requested, with a message and the id of its allocation',
    review: ORDER,
    judge: unmasks(({ state }, entry, pasid) => {
      const interrupt = state.interruptOf(entry);
      if (entry.owner === null) return 'nobody has allocated it';
      if (interrupt === null || interrupt.leaving) return 'its interrupt is not requested';
      if (messageOf(entry) === null) return 'it holds no message';
      return entry.id === undefined || entry.id === pasid ? null : `with ${named(pasid)}, and its allocation has ${named(entry.id)}`;
    }),
  },
  {
    id: 'I2',
    says: 'only layer ims writes entries: whole words, each for what the chip was asked to do',
    review: 'VFIO does not program anything into the IMS entry.',
    judge: ({ event, what, state }) => {
      if (what.kind !== 'entry') return undefined;
      const { slot, at, size, value } = what;
      const operation = state.operation(event.agent);
      const why = wrongWith({ slot, at, size, value, layer: event.from, operation });
      return why === null ? null : `entry ${slot}: ${event.from} (${operation ?? 'in no operation of the chip'}) writes 0x${value.toString(16)} at byte ${at}: ${why}`;
    },
  },
  {
    id: 'I3',
    says: 'a message of an entry is sent while the entry is open, for work under its id',
    review: 'it will fire with the host PASID and not with the guest\'s',
    judge: ({ event, what, state }) => {
      if (what.kind !== 'message') return undefined;
      const entry = [...state.entries.values()].find((each) => messageOf(each)?.address === what.address && messageOf(each)?.data === what.data);
      if (entry === undefined) return undefined;
      if (entry.control.mask) return `entry ${entry.slot} is masked`;
      const worked = state.work(event.agent);
      if (worked.size === 0 || worked.has(entry.control.pasid)) return null;
      return `entry ${entry.slot} holds ${named(entry.control.pasid)}, and the device worked under ${[...worked].map(named).join(', ')}`;
    },
  },
  {
    id: 'I5',
    says: 'the message is there before the entry is started, and goes after it is masked',
    review: CHIP,
    judge: ({ event, what, state }) => {
      if (what.kind === 'chip' && what.operation === 'irq_startup') {
        return messageOf(state.entry(what.slot)) === null ? `entry ${what.slot} is started without a message` : null;
      }
      if (what.kind !== 'entry' || what.control !== null || state.operation(event.agent) === 'irq_write_msi_msg') return undefined;
      const entry = state.entry(what.slot);
      return entry.control.mask ? null : `the message of entry ${what.slot} is taken away while it is open`;
    },
  },
  {
    id: 'I6',
    says: 'when free_irq() has returned the entry is masked, without PASID, its message empty',
    review: CHIP,
    judge: ({ returned, state }) => {
      if (returned?.what.kind !== 'free') return undefined;
      const { irq } = returned.what;
      const entry = [...state.entries.values()].find((each) => each.irq === irq);
      if (entry === undefined) return undefined;
      const left = leftIn(entry);
      return left === null ? null : `free_irq(${irq}) of line ${returned.event.line} has returned, and entry ${entry.slot} ${left}`;
    },
  },
  {
    id: 'I7',
    says: 'the permission that a guest with PASIDs stores for a vector is there before the entry opens, and decides its id',
    review: BEFORE,
    judge: unmasks(({ state }, entry, pasid) => {
      const interrupt = state.interruptOf(entry);
      if (interrupt === null || interrupt.device === null) return undefined;
      const permission = state.permissionOf(interrupt);
      const bound = state.bound.get(interrupt.device)?.size ?? 0;
      if (permission === undefined) {
        return bound === 0 ? undefined : `${interrupt.device} has PASIDs of its own, and none is stored for vector ${interrupt.vector}`;
      }
      // What the guest has withdrawn is no permission to honour.
      if (permission.pasid === null) return undefined;
      if (pasid === null) return `without PASID, and line ${permission.line} stored one for vector ${interrupt.vector}`;
      const key = backingKey(state, interrupt);
      const before = key === null ? undefined : state.backing.get(key);
      return before === undefined || before === pasid ? null : `with ${named(pasid)}, and the same permission had ${named(before)} before`;
    }),
  },
  {
    id: 'I10',
    says: 'an entry is reset between owners: nobody opens one that the chip has not reset for its allocation',
    review: CHIP,
    judge: unmasks((_, entry) => (entry.reset ? null : 'it was not reset since it was somebody else\'s')),
  },
  {
    id: 'R14',
    says: 'the id of an open entry does not change',
    review: 'So no. It\'s not needed at all.',
    judge: ({ what, state }) => {
      if (what.kind !== 'entry' || what.control === null) return undefined;
      const { control } = state.entry(what.slot);
      if (control.mask || what.control.mask || control.pasid === what.control.pasid) return control.mask ? undefined : null;
      return `entry ${what.slot} runs with ${named(control.pasid)} and gets ${named(what.control.pasid)}`;
    },
  },
  {
    id: 'R18',
    says: 'nobody programs ids from outside of the chip: there is no irq_set_auxdata()',
    review: 's/shouldn\'t/do not/',
    judge: ({ event, what }) => (what.kind === 'auxdata' ? `${event.from} calls irq_set_auxdata()` : undefined),
  },
  {
    id: 'R20',
    says: 'a permission is stored before the interrupt of its vector is requested, not afterwards',
    review: AFTERWARDS,
    judge: permissions(({ pasid }, running) => (pasid === null ? undefined : running)),
  },
  {
    id: 'R23',
    says: 'what goes: the interrupt first, then its permission, then the PASID; an entry is given back empty',
    review: ORDER,
    judge: (judged) => {
      const { what, state } = judged;
      if (what.kind === 'release') {
        const entry = owned(state, what.device, what.index)[0];
        if (entry === undefined) return undefined;
        const left = leftIn(entry);
        return left === null ? null : `entry ${entry.slot} of ${what.device} is given back and ${left}`;
      }
      if (what.kind === 'detach' || what.kind === 'unbind') {
        const gpasid = what.kind === 'unbind' ? what.gpasid : null;
        const open = owned(state, what.device).find((entry) => !entry.control.mask && (gpasid === null || storedFor(state, entry) === gpasid));
        return open === undefined ? null : `entry ${open.slot} of ${what.device} is open still`;
      }
      return permissions(({ pasid }, running) => (pasid === null ? running : undefined))(judged);
    },
  },
  {
    id: 'I12',
    says: 'every call goes along the declared layers',
    review: 'This whole IDXD stuff has been a monstrous layering violation from the very beginning',
    judge: ({ event, layers }) => {
      if (layers === null) return undefined;
      return alongLayers([event], layers).length === 0 ? null : `${event.from} calls ${event.to}, and neither may use the other`;
    },
  },
];

/** Of writes that leave an entry open. */
function unmasks(judge: (judged: Judged, entry: Entry, pasid: number | null) => string | null | undefined): Rule['judge'] {
  return (judged) => {
    const { what, state } = judged;
    if (what.kind !== 'entry' || what.control === null || what.control.mask) return undefined;
    const entry = state.entry(what.slot);
    const why = judge(judged, entry, what.control.pasid);
    return typeof why === 'string' ? `entry ${what.slot} is opened: ${why}` : why;
  };
}

/** Of writes to a permission whose vector is known. `running`: its interrupt is requested; null: it is not. */
function permissions(judge: (what: Extract<Happening, { kind: 'permission' }>, running: string | null) => string | null | undefined): Rule['judge'] {
  return ({ event, what, state }) => {
    if (what.kind !== 'permission') return undefined;
    const key = state.permissionKey(event.agent, what.vector, what.virtual);
    if (key === null) return undefined;
    const interrupt = [...state.interrupts.values()].find(({ device, vector }) => `${device ?? 'function'}/${vector}` === key);
    if (interrupt === undefined) return judge(what, null);
    const { irq, name, line } = interrupt;
    return judge(what, `vector ${what.vector}: its interrupt ${irq} (${name}) is requested since line ${line}`);
  };
}

function owned({ entries }: AuditState, device: string, index?: number): Entry[] {
  return [...entries.values()].filter(({ owner }) => owner?.device === device && (index === undefined || owner.index === index));
}

function storedFor(state: AuditState, entry: Entry): number | null {
  const interrupt = state.interruptOf(entry);
  return interrupt === null ? null : (state.permissionOf(interrupt)?.pasid ?? null);
}

function leftIn(entry: Entry): string | null {
  const { mask, pasid } = entry.control;
  const message = messageOf(entry);
  const left = [
    ...(mask ? [] : ['is open']),
    ...(pasid === null ? [] : [`holds ${named(pasid)}`]),
    ...(message === null ? [] : [`holds the message 0x${message.address.toString(16)}`]),
  ];
  return left.length === 0 ? null : left.join(', ');
}

function named(pasid: number | null): string {
  return pasid === null ? 'no PASID' : `PASID ${pasid}`;
}
