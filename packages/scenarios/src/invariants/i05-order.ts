import { parseRemappableMsg } from '@siov/iommu';
import { hierarchy, SHUTDOWN_VECTOR } from '@siov/irq';
import type { IrqData } from '@siov/irq';
import { EMPTY_ENTRY } from './empty-entry.ts';
import { entryStates, named } from './subject.ts';
import type { EntryState, Subject, Violation } from './subject.ts';

/**
 * I5: what is active at the device is active at every level to the root, and each level is allocated and activated after
 * the one below it and freed and deactivated before it. The first half is a predicate of the state: an entry that holds a
 * message names a remapping entry that is there and leads to the interrupt's vector. The second half is of the history that
 * {@link HierarchyHistory} keeps. Both are true between any two steps.
 */
export function order(subject: Subject): Violation[] {
  return [...entryStates(subject).flatMap((entry) => rootsActive(subject, entry)), ...subject.history.hierarchy.violations];
}

function rootsActive(subject: Subject, entry: EntryState): Violation[] {
  const { host } = subject;
  const { address, data } = entry.hardware;
  if (address === EMPTY_ENTRY.address && data === EMPTY_ENTRY.data) return [];
  const index = parseRemappableMsg(Number(address >> 32n), Number(address & 0xffffffffn), data);
  const outermost = entry.irq?.state.data ?? null;
  const levels = outermost === null ? [] : [...hierarchy(outermost)];
  const remapped = levels.find(({ domain }) => domain === (host.remapping.domain as unknown));
  if (remapped === undefined) return [`I5: ${named(entry)} holds the message of remapping entry ${index}, and no interrupt goes that way`];
  if (remapped.hwirq !== index) return [`I5: ${named(entry)} holds the message of remapping entry ${index}, and its interrupt has entry ${remapped.hwirq}`];
  const found = host.remapping.entries().find((each) => each.index === index);
  if (found === undefined || found.mode === 'not-present') return [`I5: ${named(entry)} holds a message, and remapping entry ${index} is not there`];
  return found.mode === 'remapped' ? vectorActive(entry, subject, remapped, found) : [];
}

function vectorActive(entry: EntryState, { host }: Subject, level: IrqData, { cpu, vector }: { readonly cpu: number; readonly vector: number }): Violation[] {
  const target = host.vectors.targetOf(level);
  if (target.cpu !== cpu || target.vector !== vector) {
    return [`I5: remapping entry ${level.hwirq} of ${named(entry)} leads to vector ${vector} of CPU ${cpu}, and its interrupt has vector ${target.vector} of CPU ${target.cpu}`];
  }
  return vector === SHUTDOWN_VECTOR ? [`I5: remapping entry ${level.hwirq} of ${named(entry)} is there, and its interrupt has no vector`] : [];
}
