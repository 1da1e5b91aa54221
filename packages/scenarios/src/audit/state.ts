// What a trace has told so far: whose each entry is and what it holds, which interrupts are requested, which permissions and
// PASIDs are stored. Only what crosses from layer to layer is known here; values that stay inside of one are not.
import { ImsEntry } from '@siov/datasheet';
import type { AuditEvent } from './events.ts';
import type { Control, Happening } from './happenings.ts';

/** An entry of the store. */
export interface Entry {
  readonly slot: number;
  /** Null: nobody's. */
  owner: { readonly device: string; readonly index: number } | null;
  irq: number | null;
  /** By the chip, since it was allocated. */
  reset: boolean;
  control: Control;
  /** What was programmed first since it was allocated; undefined: nothing yet. */
  id: number | null | undefined;
  readonly words: Map<number, bigint>;
}

/** An interrupt that somebody has requested. */
export interface Requested {
  readonly irq: number;
  readonly name: string;
  /** Of a virtual device: `vfio-msix[1](dsa0-mdev0)`. */
  readonly device: string | null;
  readonly vector: number | null;
  readonly line: number;
  slot: number | null;
  /** free_irq() was called. */
  leaving: boolean;
}

/** A call into the irq core that has not returned. */
export interface Call {
  readonly event: AuditEvent;
  readonly what: Happening;
}

export interface Permission {
  readonly pasid: number | null;
  readonly line: number;
}

const OF_A_DEVICE = /^vfio-msix\[(\d+)\]\((.+)\)$/u;
const WITHIN: readonly string[] = ['irq', 'ims'];

export class AuditState {
  readonly entries = new Map<number, Entry>();
  readonly interrupts = new Map<number, Requested>();
  /** By {@link permissionKey}. */
  readonly permissions = new Map<string, Permission>();
  /** By device: what its guest has bound. */
  readonly bound = new Map<string, Set<number>>();
  /** The host's PASID that an entry had for a guest's: `device/gpasid`. */
  readonly backing = new Map<string, number | null>();
  readonly #calls = new Map<string, Call>();
  readonly #chips = new Map<string, string>();
  readonly #work = new Map<string, Set<number | null>>();
  /** Devices that an agent does something for. */
  readonly #devices: ReadonlyMap<string, ReadonlySet<string>>;

  constructor(devices: ReadonlyMap<string, ReadonlySet<string>>) {
    this.#devices = devices;
  }

  entry(slot: number): Entry {
    const known = this.entries.get(slot);
    if (known !== undefined) return known;
    const entry: Entry = { slot, owner: null, irq: null, reset: false, control: { mask: true, pasid: null }, id: undefined, words: new Map() };
    this.entries.set(slot, entry);
    return entry;
  }

  /** The interrupt of an entry; null: it has none that is requested. */
  interruptOf({ irq }: Entry): Requested | null {
    return irq === null ? null : (this.interrupts.get(irq) ?? null);
  }

  /** What the chip was asked to do by `agent` and is doing still. */
  operation(agent: string): string | null {
    return this.#chips.get(agent) ?? null;
  }

  /** PASIDs that the device worked under since its last message. */
  work(agent: string): ReadonlySet<number | null> {
    return this.#work.get(agent) ?? new Set();
  }

  /** `device/vector`; null: the trace does not say whose the vector is, as the agent acts for several devices. */
  permissionKey(agent: string, vector: number, virtual: boolean): string | null {
    if (!virtual) return `function/${vector}`;
    const devices = this.#devices.get(agent);
    return devices?.size === 1 ? `${[...devices].join('')}/${vector}` : null;
  }

  /** Of the interrupt's vector. */
  permissionOf({ device, vector }: Requested): Permission | undefined {
    return this.permissions.get(`${device ?? 'function'}/${vector}`);
  }

  /** Before the event is looked at: a call of its agent's that it shows to have returned, which is over from now on. */
  returned({ agent, from }: AuditEvent): Call | null {
    if (from !== 'ims') this.#chips.delete(agent);
    const call = this.#calls.get(agent);
    if (call === undefined || WITHIN.includes(from)) return null;
    this.#calls.delete(agent);
    this.#finish(call.what);
    return call;
  }

  apply(event: AuditEvent, what: Happening): void {
    const { agent } = event;
    switch (what.kind) {
      case 'allocate':
      case 'release':
        this.#calls.set(agent, { event, what });
        return;
      case 'request':
        this.#request(event, what);
        return;
      case 'free': {
        this.#calls.set(agent, { event, what });
        const interrupt = this.interrupts.get(what.irq);
        if (interrupt !== undefined) interrupt.leaving = true;
        return;
      }
      case 'chip':
        this.#chips.set(agent, what.operation);
        this.#associate(agent, what.slot, what.operation);
        return;
      case 'entry':
        this.#write(what);
        return;
      case 'vector': {
        const call = this.#calls.get(agent)?.what;
        if (call?.kind === 'request') this.#learn(call.irq, { vector: what.vector });
        return;
      }
      case 'permission': {
        const key = this.permissionKey(agent, what.vector, what.virtual);
        if (key !== null) this.permissions.set(key, { pasid: what.pasid, line: event.line });
        return;
      }
      case 'bind':
        this.bound.set(what.device, (this.bound.get(what.device) ?? new Set()).add(what.gpasid));
        return;
      case 'unbind':
        this.bound.get(what.device)?.delete(what.gpasid);
        this.backing.delete(`${what.device}/${what.gpasid}`);
        return;
      case 'work':
        this.#work.set(agent, new Set([...this.work(agent), what.pasid]));
        return;
      case 'message':
        this.#work.delete(agent);
        return;
      default:
    }
  }

  #request(event: AuditEvent, { irq, name }: Extract<Happening, { kind: 'request' }>): void {
    const [, vector, device = null] = OF_A_DEVICE.exec(name) ?? [];
    this.interrupts.set(irq, { irq, name, device, vector: vector === undefined ? null : Number(vector), line: event.line, slot: null, leaving: false });
    this.#calls.set(event.agent, { event, what: { kind: 'request', irq, name } });
  }

  /** The entry that a call into the irq core is about is the one that the chip is asked for meanwhile. */
  #associate(agent: string, slot: number, operation: string): void {
    const call = this.#calls.get(agent)?.what;
    const entry = this.entry(slot);
    if (call?.kind === 'allocate' && operation === 'reset_slot') {
      Object.assign(entry, { owner: { device: call.device, index: call.index }, irq: null, reset: true, id: undefined });
    }
    if (call?.kind !== 'request') return;
    entry.irq = call.irq;
    this.#learn(call.irq, { slot });
  }

  #learn(irq: number, more: Partial<Requested>): void {
    const known = this.interrupts.get(irq);
    if (known !== undefined) this.interrupts.set(irq, { ...known, ...more });
  }

  #write({ slot, at, value, control }: Extract<Happening, { kind: 'entry' }>): void {
    const entry = this.entry(slot);
    entry.words.set(at, value);
    if (control === null) return;
    entry.control = control;
    if (entry.id === undefined && (control.pasid !== null || !control.mask)) entry.id = control.pasid;
    const interrupt = this.interruptOf(entry);
    const key = interrupt === null ? null : backingKey(this, interrupt);
    if (!control.mask && key !== null && !this.backing.has(key)) this.backing.set(key, control.pasid);
  }

  #finish(what: Happening): void {
    if (what.kind === 'free') this.interrupts.delete(what.irq);
    if (what.kind !== 'release') return;
    for (const entry of this.entries.values()) {
      if (entry.owner?.device === what.device && entry.owner.index === what.index) {
        Object.assign(entry, { owner: null, irq: null, reset: false, id: undefined });
      }
    }
  }
}

/** Of the guest's PASID that its device's vector is to have; null: none is stored. */
export function backingKey(state: AuditState, interrupt: Requested): string | null {
  const { device } = interrupt;
  const gpasid = state.permissionOf(interrupt)?.pasid ?? null;
  return device === null || gpasid === null ? null : `${device}/${gpasid}`;
}

/** What the entry would send; null: its message is empty. */
export function messageOf({ words }: Entry): { readonly address: bigint; readonly data: number } | null {
  const [lo, hi, data] = [ImsEntry.AddressLo, ImsEntry.AddressHi, ImsEntry.Data].map(({ offset }) => words.get(offset) ?? 0n) as [bigint, bigint, bigint];
  const empty = (lo === 0n || lo === BigInt(ImsEntry.AddressLo.reset)) && hi === 0n && data === 0n;
  return empty ? null : { address: (hi << 32n) | lo, data: Number(data) };
}

/** Which devices each agent acts for, as far as any of its calls names one. */
export function devicesOfAgents(events: readonly AuditEvent[]): Map<string, Set<string>> {
  const devices = new Map<string, Set<string>>();
  const add = (agent: string, device: string) => void devices.set(agent, (devices.get(agent) ?? new Set()).add(device));
  for (const { agent, from, to, operation, values } of events) {
    const named = OF_A_DEVICE.exec(String(values['name'] ?? ''))?.[2];
    if (named !== undefined) add(agent, named);
    else if (to === 'idxd' && operation === 'bind_gpasid') add(agent, String(values['device']));
    else if (from === 'vfio-mdev' && operation === 'msi_domain_alloc_irq') add(agent, String(values['device']));
  }
  return devices;
}
