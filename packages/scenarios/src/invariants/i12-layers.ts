import type { TraceEvent } from '@siov/base';
import type { Subject, Violation } from './subject.ts';

/** What each package may import (`packages` of the declaration of the layers). */
export type Layers = Readonly<Record<string, { readonly uses: readonly string[] }>>;

/** Where code runs that is in no package: what starts a machine. */
const OUTSIDE: readonly string[] = ['main'];

/**
 * I12 (R22): every crossing goes along an edge of the declaration, or back along one. A predicate of the history, true at
 * any time. Two ways are no imports: the bus, between drivers, hardware and IOMMU, and a guest's accesses, which trap into
 * its VMM.
 */
export function alongLayers(crossings: Iterable<TraceEvent>, layers: Layers): Violation[] {
  const uses = (from: string, to: string) => layers[from]?.uses.includes(to) === true;
  const lawful = (event: TraceEvent) => {
    const { from, to } = event;
    return uses(from, to) || uses(to, from) || OUTSIDE.includes(from) || onBus(event, uses) || isTrap(event);
  };
  return [...crossings].filter((event) => !lawful(event)).map(({ agent, from, to, operation }) => `I12: ${agent} crosses from ${from} to ${to} (${operation}), and neither may use the other`);
}

/** {@link alongLayers} for what was recorded of `subject`. */
export function layerRules(subject: Pick<Subject, 'history'>, layers: Layers): Violation[] {
  return alongLayers(subject.history.operations.crossings.values(), layers);
}

/** Hardware is nobody's import: a driver reaches it over the bus, and it reaches memory and interrupts over the bus. */
function onBus({ from, to, operation }: TraceEvent, uses: (from: string, to: string) => boolean): boolean {
  if (to === 'hw') return /^(?:read|write|submit|enqueue|function_level_reset)/.test(operation) && uses(from, 'device');
  return from === 'hw' && to === 'iommu' && /^(?:dma_|remap_interrupt)/.test(operation);
}

function isTrap({ from, to, operation }: TraceEvent): boolean {
  return to === 'vmm' && operation.startsWith('guest_') && ['guest', 'irq'].includes(from);
}
