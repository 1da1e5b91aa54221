// Interrupt handles as the guest asks for them: one for each vector with an interrupt behind it. The number is the host's
// slot, or what the function gives for it; when the slot moves, the guest is told to ask again (DSA spec 3.0 §7.5.4).
import type { StatePort, Steps } from '@siov/base';
import { CMDSTATUS, COMMAND_ERROR, handleOfOperand } from '@siov/datasheet';
import type { TriggerHelper } from '@siov/vfio-mdev';
import type { InterruptHandles } from './interrupt-handles.ts';

/** Operand bits of Request and Release Interrupt Handle: a table index and the table. */
const HANDLE_OPERAND = 0x1ffff;
const failed = (error: number) => CMDSTATUS.of({ error });

/** `slot`: what it was given for; null: the interrupt went, or was another function's. */
interface Granted {
  readonly handle: number;
  readonly slot: number | null;
}

export interface VirtualHandleParts {
  readonly state: StatePort;
  /** Of the virtual device. */
  readonly name: string;
  readonly triggers: Pick<TriggerHelper<unknown>, 'hwirq' | 'idle' | 'resume'>;
  readonly handles: InterruptHandles;
  /** Guest vectors. */
  readonly vectors: number;
}

export class VirtualHandles {
  readonly vectors: number;
  readonly #triggers: VirtualHandleParts['triggers'];
  readonly #handles: InterruptHandles;
  /** What the guest has, by vector. */
  readonly #granted: Map<number, Granted>;

  constructor({ state, name, triggers, handles, vectors }: VirtualHandleParts) {
    this.vectors = vectors;
    this.#triggers = triggers;
    this.#handles = handles;
    this.#granted = state.map(`${name}/granted`);
  }

  /** What the guest has, lowest vector first. */
  get granted(): readonly (readonly [vector: number, handle: number])[] {
    return [...this.#granted].map(([vector, { handle }]) => [vector, handle] as const).sort(([a], [b]) => a - b);
  }

  /** Handles a guest has got from another device: compared when its vectors are set up here. */
  adopt(granted: readonly (readonly [vector: number, handle: number])[]): void {
    this.#granted.clear();
    for (const [vector, handle] of granted) this.#granted.set(vector, { handle, slot: null });
  }

  /** undefined: no interrupt is behind `vector`, or the function gives no handle for it. */
  *request(vector: number): Steps<number | undefined> {
    if (!(yield* this.#triggers.resume(vector)).ok) return undefined;
    const slot = this.#triggers.hwirq(vector);
    const handle = slot.ok ? yield* this.#handles.request(slot.value) : slot;
    if (!slot.ok || !handle.ok) return undefined;
    this.#granted.set(vector, { handle: handle.value, slot: slot.value });
    return handle.value;
  }

  /** The vector with an interrupt behind it that `named` is the handle of, or, where it is nobody's handle, the index. */
  vectorOf(named: number): number | undefined {
    for (let vector = 1; vector < this.vectors; vector++) {
      const slot = this.#triggers.hwirq(vector);
      if (slot.ok && this.#handles.handleOf(slot.value) === named) return vector;
    }
    return named > 0 && this.#triggers.hwirq(named).ok ? named : undefined;
  }

  /** Unusable from here on: the slot is masked, wiped and given back. */
  *release(vector: number): Steps<void> {
    const slot = this.#triggers.hwirq(vector);
    this.#granted.delete(vector);
    if (slot.ok) yield* this.#handles.release(slot.value);
    yield* this.#triggers.idle(vector);
  }

  /** Function level reset: the guest has none any more. */
  *releaseAll(): Steps<void> {
    this.#granted.clear();
    yield* this.#handles.releaseAll();
  }

  /** Before the interrupt behind `vector` goes: the slot may be another's at once, and the function's handle with it. */
  *suspend(vector: number): Steps<void> {
    const granted = this.#granted.get(vector);
    if (granted === undefined || granted.slot === null) return;
    this.#granted.set(vector, { ...granted, slot: null });
    yield* this.#handles.release(granted.slot);
  }

  /** After vectors were set up. Whether a handle the guest has is not the one its interrupt has now: it is taken away. */
  *compare(): Steps<boolean> {
    let moved = false;
    for (const [vector, { handle, slot: before }] of this.#granted) {
      const slot = this.#triggers.hwirq(vector);
      if (!slot.ok || slot.value === before) continue;
      if (before !== null) yield* this.#handles.release(before);
      const now = yield* this.#handles.request(slot.value);
      if (now.ok && now.value === handle) {
        this.#granted.set(vector, { handle, slot: slot.value });
        continue;
      }
      this.#granted.delete(vector);
      yield* this.#handles.release(slot.value);
      moved = true;
    }
    return moved;
  }
}

/** Request Interrupt Handle: the guest's descriptors name the result, the PASID check guards it. */
export function* requestHandle(handles: VirtualHandles, operand: number): Steps<typeof CMDSTATUS.reset> {
  if (operand > HANDLE_OPERAND) return failed(COMMAND_ERROR.RESERVED_FIELD);
  const { index, ims } = handleOfOperand(operand);
  if (ims) return failed(COMMAND_ERROR.NO_INTERRUPT_HANDLE);
  if (index === 0 || index >= handles.vectors) return failed(COMMAND_ERROR.INTERRUPT_INDEX);
  const handle = yield* handles.request(index);
  return handle === undefined ? failed(COMMAND_ERROR.NO_INTERRUPT_HANDLE) : CMDSTATUS.of({ error: COMMAND_ERROR.SUCCESS, result: handle });
}

/**
 * Release Interrupt Handle. A VMM need not tell when the guest masks the vector, so this is the moment to give the slot
 * back. Linux gives the handle, the specification asks for the table index: either is taken.
 */
export function* releaseHandle(handles: VirtualHandles, operand: number): Steps<typeof CMDSTATUS.reset> {
  if (operand > HANDLE_OPERAND) return failed(COMMAND_ERROR.RESERVED_FIELD);
  const { index, ims } = handleOfOperand(operand);
  const vector = ims ? undefined : handles.vectorOf(index);
  if (vector === undefined) return failed(COMMAND_ERROR.INTERRUPT_INDEX);
  yield* handles.release(vector);
  return failed(COMMAND_ERROR.SUCCESS);
}
