// BAR2: where descriptors come in (DSA spec 3.0 §3.3, §5.3, table 5-1).
import type { Steps, Trace } from '@siov/base';
import { decodeDescriptor, DESCRIPTOR_SIZE, portalOf, SOFTWARE_ERROR } from '@siov/datasheet';
import type { Portal } from '@siov/datasheet';
import { crossing } from './crossing.ts';
import type { PciFunction } from './pci-function.ts';
import type { PortalPort } from './ports.ts';
import type { SoftwareErrors } from './software-errors.ts';
import type { WorkQueues } from './work-queues.ts';

export interface PortalParts {
  readonly pci: PciFunction;
  readonly queues: WorkQueues;
  readonly errors: SoftwareErrors;
}

export function portals(parts: PortalParts, trace: Trace): PortalPort {
  return {
    submit: (offset, descriptor) => crossing(trace, 'submit', () => where(offset), submit(parts, offset, descriptor)),
    enqueue: (offset, descriptor) => crossing(trace, 'enqueue', () => where(offset), enqueue(parts, offset, descriptor)),
  };
}

/** Posted: there is nobody to answer, so that only a full queue leaves a trace, in SWERROR. Such a queue is dedicated. */
function* submit({ pci, queues, errors }: PortalParts, offset: number, descriptor: Uint8Array): Steps<void> {
  const portal = portalOf(offset);
  if (portal === undefined || descriptor.length !== DESCRIPTOR_SIZE || !pci.memorySpace) return;
  if (queues.accept(portal, true, descriptor) !== 'full') return;
  const submitter = queues.submitter(portal.wq, 0);
  yield* errors.report({ error: SOFTWARE_ERROR.QUEUE_FULL, wq: portal.wq, descriptor: { operation: decodeDescriptor(descriptor).opcode, ...submitter } });
}

function* enqueue({ pci, queues }: PortalParts, offset: number, descriptor: Uint8Array): Steps<boolean> {
  const portal = portalOf(offset);
  if (portal === undefined || descriptor.length !== DESCRIPTOR_SIZE || !pci.memorySpace) return false;
  return queues.accept(portal, false, descriptor) === undefined;
}

function where(offset: number): { portal: string } {
  const portal = portalOf(offset);
  return { portal: portal === undefined ? `0x${offset.toString(16)}` : portalName(portal) };
}

function portalName({ wq, limited, ims }: Portal): string {
  return `WQ[${wq}].${limited ? 'limited' : 'unlimited'}.${ims ? 'IMS' : 'MSI-X'}`;
}
