// The yardstick: guests that bind, enable their interrupts, wait for completions and give everything back, while the device
// raises interrupts. The same agents, guards and steps as protocol.pml; the code is in agents.ts and interrupt.ts.
import type { Steps } from '@siov/base';
import type { Model, ModelAgent, Property } from '@siov/explore';
import { Guest, Queue, Vmm } from './agents.ts';
import type { GuestParts, Operation } from './agents.ts';
import { Interrupt, NO_ID } from './interrupt.ts';

/**
 * `rev` holds. `v6`: the entry is enabled before its id is known. `lost`: the interrupt is acknowledged after the record was
 * read. `leak`: an entry with a pending bit is not released.
 */
export const VARIANTS = ['rev', 'v6', 'lost', 'leak'] as const;
export type Variant = (typeof VARIANTS)[number];

export interface YardstickSize {
  readonly guests: number;
  /** Of each guest. */
  readonly interrupts: number;
  /** Hardware queues; 1 unless said. A guest submits to the one of its number, counted round. */
  readonly queues?: number;
  readonly variant: Variant;
}

/** `N3 rev`, `G2N2 rev` */
export function sizeName({ guests, interrupts, queues = 1, variant }: YardstickSize): string {
  return `${guests > 1 ? `G${guests}` : ''}N${interrupts}${queues > 1 ? `M${queues}` : ''} ${variant}`;
}

export function yardstick(size: YardstickSize): Model {
  const { guests, interrupts, queues = 1, variant } = size;
  const order: readonly Operation[] = variant === 'v6' ? ['enable', 'permission'] : ['permission', 'enable'];
  const faults = { rewrite: variant === 'v6', leak: variant === 'leak' };
  return {
    name: `yardstick ${sizeName(size)}`,
    make({ state }) {
      const queue = Array.from({ length: queues }, (_, index) => new Queue(state, index));
      const all = Array.from({ length: guests }, (_, index) => {
        const own = Array.from({ length: interrupts }, (_, number) => new Interrupt(state, index, number));
        const parts: GuestParts = { index, queue: queue[index % queues]!, interrupts: own };
        const guest = new Guest(state, parts);
        return { ...parts, guest, vmm: new Vmm(guest, parts, faults) };
      });
      const each = all.flatMap((parts) => parts.interrupts);
      return {
        agents: [
          ...all.map(({ index, guest }): ModelAgent => ({ name: `guest${index}`, steps: guest.program(order) })),
          ...all.map(({ index, vmm }) => daemon(`vmm${index}`, vmm.service())),
          ...each.map((interrupt) => daemon(`irq${interrupt.name}`, interrupt.service(variant === 'lost'))),
          ...queue.map((one, index) => daemon(`dev${index}`, one.engine((name) => each.find((interrupt) => interrupt.name === name)!))),
          ...each.map((interrupt) => daemon(`spurious${interrupt.name}`, spurious(interrupt))),
        ],
        properties: rules(all),
      };
    },
  };
}

function daemon(name: string, steps: Steps<unknown>): ModelAgent {
  return { name, steps, daemon: true };
}

/** One event that nothing has asked for, at any time while the entry is allocated. */
function* spurious(interrupt: Interrupt): Steps<void> {
  yield { kind: 'device', what: `spurious event of ${interrupt.name}`, ready: () => interrupt.entry.allocated };
  interrupt.raise();
}

function rules(guests: readonly { readonly guest: Guest; readonly interrupts: readonly Interrupt[] }[]): readonly Property[] {
  const all = guests.flatMap(({ guest, interrupts }) => interrupts.map((interrupt) => ({ interrupt, bound: guest.bound })));
  const rule = (kind: 'always' | 'rest', name: string, broken: (each: (typeof all)[number]) => boolean): Property => ({
    kind,
    name,
    holds() {
      const where = all.filter(broken).map(({ interrupt }) => interrupt.name);
      return where.length === 0 || `not so for ${where.join(', ')}`;
    },
  });
  return [
    rule('always', 'an accepted interrupt carries the id its guest has bound', ({ interrupt: { cpu }, bound }) =>
      cpu.message !== null && (cpu.message === NO_ID || cpu.message !== bound.pasid)),
    rule('always', 'a handler is there when it fires', ({ interrupt: { cpu } }) => cpu.unhandled),
    rule('rest', 'every completion is seen', ({ interrupt: { completion } }) => completion.written && !completion.seen),
    rule('always', 'nothing is allocated after unbind', ({ interrupt: { entry }, bound }) => bound.pasid === NO_ID && entry.allocated),
  ];
}
