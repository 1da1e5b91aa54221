// The two who compete: the packages' path and the one written by hand, with the same interrupts, handled in the same way.
import { HandWritten } from './hand-written.ts';
import type { Handler } from './hand-written.ts';
import { interruptMachine } from './machine.ts';
import type { Contestant } from './rounds.ts';

/** Raised in turns, so that no path can do with one entry in a register. */
export const ENTRIES = 32;
const CPUS = 2;
const REQUESTER_ID = 0x6a08;

export const OURS = 'packages';
export const BY_HAND = 'by hand';

/**
 * Both check after every batch that each interrupt has reached its handler: one lost or doubled throws, and nothing that
 * leads there can be optimised away.
 */
export function contestants(): readonly [ours: Contestant, byHand: Contestant] {
  return [
    contestant(OURS, (handler) => interruptMachine(ENTRIES, CPUS, handler)),
    contestant(BY_HAND, (handler) => new HandWritten(ENTRIES, CPUS, REQUESTER_ID, handler)),
  ];
}

/** The loops are the contestants' own: in a shared one the compiler would see two kinds of calls and inline neither. */
export function contestant(name: string, build: (handler: Handler) => { interrupts(count: number): void }): Contestant {
  const handled = new Uint32Array(ENTRIES);
  const path = build((which) => {
    handled[which] = (handled[which] ?? 0) + 1;
  });
  return {
    name,
    run(count) {
      handled.fill(0);
      path.interrupts(count);
      for (let index = 0; index < ENTRIES; index++) {
        const raised = Math.trunc((count - index + ENTRIES - 1) / ENTRIES);
        if (handled[index] !== raised) throw new Error(`${name}: entry ${index} was raised ${raised} times and handled ${handled[index]} times`);
      }
    },
  };
}
