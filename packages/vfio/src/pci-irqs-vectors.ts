// SET_IRQS of MSI and MSI-X (vfio_pci_set_msi_trigger() and what it calls).
import { ok } from '@siov/base';
import type { EventFd, Result, Steps } from '@siov/base';
import type { SetIrqsErrno } from './device.ts';
import { isDisable } from './irq-set.ts';
import type { IrqSet } from './irq-set.ts';
import { asks, contextOf, nameOf, NO_INDEX, refused, refusedBy, usable } from './pci-irqs-state.ts';
import type { IrqParts } from './pci-irqs-state.ts';
import { VFIO_PCI_IRQ } from './uapi.ts';

type VectorIndex = (typeof VFIO_PCI_IRQ)['MSI' | 'MSIX'];

export function* setVectors(parts: IrqParts, index: VectorIndex, set: IrqSet): Steps<Result<number, SetIrqsErrno>> {
  const { state } = parts;
  const { start, count, data } = set;
  if (set.action !== 'trigger') return refused(parts, set, 'ENOTTY', `index ${index} has no ${set.action}`);
  if (state.index !== NO_INDEX && state.index !== index) return refused(parts, set, 'EINVAL', `index ${state.index} is in use, not ${index}`);
  const inUse = state.index === index;
  if (inUse && isDisable(set)) {
    yield* disableVectors(parts, index);
    return ok(0);
  }
  if (inUse && isClassic(parts, index) && (start >= state.vectors || start + count > state.vectors)) {
    return refused(parts, set, 'EINVAL', `start ${start} + count ${count} is above the ${state.vectors} vectors that index ${index} was enabled with`);
  }
  if (data.kind === 'eventfd') return yield* inUse ? setBlock(parts, index, start, data.fds) : enableWith(parts, index, set, data.fds);
  if (!inUse) return refused(parts, set, 'EINVAL', `index ${index} is not in use`);
  for (let each = 0; each < count; each++) {
    if (asks(set, each)) parts.signal(parts.triggers.get(start + each), { index, vector: start + each });
  }
  return ok(0);
}

function isClassic({ resize }: IrqParts, index: VectorIndex): boolean {
  return index === VFIO_PCI_IRQ.MSI || resize === 'classic';
}

/** The request that takes the index into use: with as many vectors as it reaches to, or not at all. */
function* enableWith(parts: IrqParts, index: VectorIndex, set: IrqSet, fds: readonly (EventFd | null)[]): Steps<Result<number, SetIrqsErrno>> {
  const { state, backend } = parts;
  const wanted = set.start + set.count;
  // __pci_enable_msix_range() with a maximum below its minimum of one (from memory of the kernel source, not looked up).
  if (wanted === 0) return refused(parts, set, 'ERANGE', `index ${index} cannot be enabled with no vector`);
  const context = isClassic(parts, index) ? contextOf(parts, `${wanted} vectors`) : ok();
  if (!context.ok) return refusedBy(set, context);
  const enabled = yield* backend.enable(index, wanted);
  if (!enabled.ok) return refusedBy(set, enabled);
  if (enabled.value < wanted) {
    for (const fd of fds) fd?.close();
    return ok(enabled.value);
  }
  Object.assign(state, { index, vectors: wanted });
  const block = yield* setBlock(parts, index, set.start, fds);
  if (!block.ok) yield* disableVectors(parts, index);
  return block;
}

/** Every trigger goes, then the vectors. */
export function* disableVectors(parts: IrqParts, index: VectorIndex): Steps<void> {
  const { state, backend, triggers } = parts;
  for (const vector of [...triggers.keys()].toSorted((a, b) => a - b)) yield* clear(parts, index, vector);
  yield* backend.disable(index);
  Object.assign(state, { index: NO_INDEX, vectors: 0 });
}

/** vfio_msi_set_block(): where one fails, those of the block up to it are given up. What they had before does not come back. */
function* setBlock(parts: IrqParts, index: VectorIndex, start: number, fds: readonly (EventFd | null)[]): Steps<Result<number, SetIrqsErrno>> {
  for (const [each, fd] of fds.entries()) {
    const set = yield* setVector(parts, index, start + each, fd);
    if (set.ok) continue;
    for (const rest of fds.slice(each + 1)) rest?.close();
    for (let undo = start; undo <= start + each; undo++) yield* setVector(parts, index, undo, null);
    return set;
  }
  return ok(0);
}

/** vfio_msi_set_vector_signal(): whatever was there goes first; null leaves it at that. */
function* setVector(parts: IrqParts, index: VectorIndex, vector: number, fd: EventFd | null): Steps<Result<void, SetIrqsErrno>> {
  const { backend, triggers } = parts;
  yield* clear(parts, index, vector);
  if (fd === null) {
    if (!isClassic(parts, index)) yield* backend.free(index, vector);
    return ok();
  }
  const ready = prepared(parts, index, vector, fd);
  // Before it is armed: from there on the interrupt may come, and finds its trigger.
  if (ready.ok) triggers.set(vector, fd);
  const armed = ready.ok ? yield* backend.arm(index, vector, fd) : ready;
  if (armed.ok) return armed;
  triggers.delete(vector);
  fd.close();
  return armed;
}

/** What can fail before the interrupt is requested. */
function prepared(parts: IrqParts, index: VectorIndex, vector: number, fd: EventFd): Result<void, 'ENOMEM' | 'EBADF'> {
  const context = isClassic(parts, index) ? ok() : contextOf(parts, `vector ${vector}`);
  if (!context.ok) return context;
  const name = nameOf(parts, vector);
  return name.ok ? usable(parts, fd) : name;
}

/** The vector's action and its reference of the eventfd. */
function* clear({ backend, triggers }: IrqParts, index: VectorIndex, vector: number): Steps<void> {
  const trigger = triggers.get(vector);
  if (trigger === undefined) return;
  yield* backend.disarm(index, vector);
  triggers.delete(vector);
  trigger.close();
}
