// The review's flow d: a mediated device whose guest has PASIDs of its own. The guest binds one and stores it in MSIXPERM
// before it asks for the interrupt; the host resolves it when it sets the interrupt up, and never changes it afterwards.
import type { FlowOptions, FlowRun } from './options.ts';
import { mediatedMachine } from './mediated-machine.ts';
import type { MediatedMachine } from './mediated-machine.ts';
import { runGuests } from './mdev.ts';

/** Runs the flow as the review demands it. Throws ModelError where the flow itself is broken. */
export function runVsvmFlow(options: FlowOptions = {}): FlowRun {
  const machine: MediatedMachine = mediatedMachine({ ...options, device: { pasid: true } });
  return runGuests(machine, options, ({ first }) => ({ pasids: first.pasids }));
}

