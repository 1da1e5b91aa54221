// What `siov check` checks: every flow in both designs, window by window, and what is expected of each.
import type { Model } from '@siov/explore';
import type { VmmPolicy } from '@siov/vmm';
import type { Design, Scenario } from './setting.ts';
import { modelOf, WINDOWS } from './windows.ts';
import type { Window } from './windows.ts';

export interface Check {
  readonly scenario: Scenario;
  readonly design: Design;
  readonly window: Window;
  /** Of a mediated device. */
  readonly vmm?: VmmPolicy;
  readonly queuePasid?: boolean;
  /** Properties that are refuted, by what their names begin with; all others hold. */
  readonly refuted: readonly string[];
  /** It takes minutes. */
  readonly long?: boolean;
  /** What the refutation is an example of, in the words of the review or of those who measured it. */
  readonly shows?: string;
}

export const POLICIES: readonly VmmPolicy[] = ['dynamic', 'incremental', 'highest-unmasked', 'all-at-enable'];

const OF_THE_HOST = ['submit', 'set-up', 'mask', 'mask-and-use', 'move', 'reset', 'leave'];
/** VMMs that give all vectors up to have one more. */
const GROWING: readonly VmmPolicy[] = ['incremental', 'highest-unmasked'];

export const CHECKS: readonly Check[] = [
  ...WINDOWS.filter(({ name }) => OF_THE_HOST.includes(name)).map((window): Check => ({ scenario: 'host', design: 'review', window, refuted: [] })),
  ...(['mdev', 'mdev-vsvm'] as const).flatMap((scenario) => POLICIES.flatMap((vmm) => WINDOWS.map((window) => reviewed(scenario, vmm, window)))),
  refuted('set-up', { queuePasid: false, refuted: ['I1', 'I2', 'I3', 'I6', 'I7', 'I10', 'no deadlock'], shows: 'O1: fires with the host PASID instead of the guest PASID' }),
  refuted('set-up', { refuted: ['I1', 'I2', 'I6', 'I7', 'I10', 'no deadlock'], shows: 'O2: a completion interrupt of the guest is refused, and its waiter waits for ever' }),
  refuted('grow', { vmm: 'incremental', refuted: ['I1', 'I2', 'I5', 'I6', 'I7', 'I10', 'no deadlock'], shows: 'O4: with one vector more the entry falls back to the host PASID' }),
  refuted('leave', { refuted: ['I2', 'I5', 'I6', 'I10'], shows: 'O5: free_irq() returns with the PASID in the entry' }),
];

function reviewed(scenario: Scenario, vmm: VmmPolicy, window: Window): Check {
  const check = { scenario, design: 'review', window, vmm } as const;
  // The vectors are given up and had again while the device works: SET_IRQS has no call for anything else.
  if (window.name === 'grow' && GROWING.includes(vmm)) return { ...check, refuted: ['no deadlock'], shows: `the VMM's, not ours: ${vmm} gives up all vectors to have one more` };
  return { ...check, refuted: [], ...(scenario === 'mdev-vsvm' && window.name === 'teardown' ? { long: true } : {}) };
}

function refuted(name: string, what: Omit<Check, 'scenario' | 'design' | 'window'>): Check {
  return { scenario: 'mdev-vsvm', design: 'v6', window: windowOf(name), vmm: 'dynamic', ...what };
}

export function windowOf(name: string): Window {
  const found = WINDOWS.find((window) => window.name === name);
  if (found === undefined) throw new RangeError(`there is no window ${name}; there are ${WINDOWS.map((window) => window.name).join(', ')}`);
  return found;
}

/** `mdev/grow (dynamic)`; of the refuted design `v6: mdev-vsvm/set-up (dynamic)`. */
export function nameOf({ scenario, design, window, vmm, queuePasid }: Check): string {
  const how = [...(vmm === undefined ? [] : [vmm]), ...(queuePasid === false ? ['default PASID'] : [])].join(', ');
  return `${design === 'v6' ? 'v6: ' : ''}${scenario}/${window.name}${how === '' ? '' : ` (${how})`}`;
}

export function checkModel(check: Check): Model {
  const { scenario, design, window, vmm, queuePasid } = check;
  return modelOf(window, nameOf(check), {
    scenario,
    design,
    ...(vmm === undefined ? {} : { vmm }),
    ...(queuePasid === undefined ? {} : { queuePasid }),
  });
}
