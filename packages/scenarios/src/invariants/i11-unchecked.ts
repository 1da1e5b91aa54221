import { entryStates, named } from './subject.ts';
import type { Subject, Violation } from './subject.ts';

/**
 * I11: while a portal of the function is mapped for anybody but the host kernel, no interrupt domain of it checks no PASID,
 * and no entry of the hardware is open for descriptors without one. A predicate of the state, true between any two steps.
 */
export function unchecked(subject: Subject): Violation[] {
  const { submitters, name } = subject.host.device;
  if (submitters.portals === 0) return [];
  const portals = `${submitters.portals} portals of ${name} are mapped for others than the host kernel`;
  const domains = submitters.unchecked === 0 ? [] : [`I11: ${portals}, and ${submitters.unchecked} of its interrupt domains check no PASID`];
  const open = entryStates(subject).filter(({ hardware }) => !hardware.mask && !hardware.pasidEnable);
  return [...domains, ...open.map((entry) => `I11: ${portals}, and ${named(entry)} is open without a PASID`)];
}
