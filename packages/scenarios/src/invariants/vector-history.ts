// Which triggers the vectors of VFIO devices have, by what was given to SET_IRQS and closed since.
import type { EventFd, Result, StatePort } from '@siov/base';
import type { IrqSet, VfioDevice } from '@siov/vfio';
import { isDisable } from '@siov/vfio';
import type { Violation } from './subject.ts';
import { Violations } from './violations.ts';

/** What the trigger helper says of itself. */
export interface VectorView {
  readonly armed: number;
  hwirq(vector: number): Result<number, 'EINVAL'>;
}

interface Trigger {
  readonly fd: EventFd;
  readonly open: () => boolean;
}

export interface WatchedVectors {
  readonly name: string;
  readonly view: VectorView;
  readonly vectors: number;
  /** Whether the vector's last trigger is open. */
  open(vector: number): boolean;
}

export class VectorHistory {
  readonly #state: StatePort;
  readonly #violations: Violations;
  #devices: readonly WatchedVectors[] = [];

  constructor(state: StatePort) {
    this.#state = state;
    this.#violations = new Violations(state, 'vectors');
  }

  get violations(): readonly Violation[] {
    return this.#violations.list;
  }

  /** Devices that are watched, but for those that are gone. */
  get devices(): readonly WatchedVectors[] {
    return this.#devices;
  }

  /** `device` as its user sees it from now on. */
  watch(device: VfioDevice, view: VectorView, vectors: number): VfioDevice {
    const triggers = this.#state.map<number, Trigger>(`history/${device.name}/triggers`);
    const open = (vector: number) => triggers.get(vector)?.open() === true;
    const watched: WatchedVectors = { name: device.name, view, vectors, open };
    this.#devices = [...this.#devices, watched];
    const setIrqs = (set: IrqSet) => this.#setIrqs(device, watched, triggers, set);
    return { ...device, setIrqs };
  }

  forget(name: string): void {
    this.#devices = this.#devices.filter((each) => each.name !== name);
  }

  *#setIrqs(device: VfioDevice, watched: WatchedVectors, triggers: Map<number, Trigger>, set: IrqSet): ReturnType<VfioDevice['setIrqs']> {
    const given = set.data.kind === 'eventfd' ? set.data.fds.map((fd, each) => (fd === null ? null : this.#trigger(watched.name, set.start + each, fd))) : [];
    const data = set.data.kind === 'eventfd' ? { kind: 'eventfd' as const, fds: given.map((each) => each?.fd ?? null) } : set.data;
    const result = yield* device.setIrqs({ ...set, data });
    // A positive answer says how many vectors there are: nothing was taken, and what came with it was closed.
    const taken = result.ok && result.value === 0;
    for (const [each, trigger] of given.entries()) if (taken && trigger !== null) triggers.set(set.start + each, trigger);
    if (!result.ok) this.#failed(watched, set, given);
    else if (isDisable(set)) this.#disabled(watched);
    return result;
  }

  #failed(watched: WatchedVectors, { start }: IrqSet, given: readonly (Trigger | null)[]): void {
    for (const [each, trigger] of given.entries()) {
      if (trigger?.open() === true) this.#violations.push(`I8: SET_IRQS of ${watched.name} failed, and vector ${start + each} keeps the trigger that came with it`);
    }
  }

  #disabled({ name, view, vectors, open }: WatchedVectors): void {
    for (let vector = 0; vector < vectors; vector++) {
      const slot = view.hwirq(vector);
      if (open(vector)) this.#violations.push(`I8: vector ${vector} of ${name} has a trigger after all were disabled`);
      if (slot.ok) this.#violations.push(`I8: vector ${vector} of ${name} has entry ${slot.value} after all were disabled`);
    }
  }

  #trigger(device: string, vector: number, fd: EventFd): Trigger {
    const state = this.#state.record(`history/${device}/trigger${vector}`, { open: true });
    const watched: EventFd = {
      name: fd.name,
      ...(fd.context === undefined ? {} : { context: fd.context }),
      signal: () => {
        if (!state.open) this.#violations.push(`I8: vector ${vector} of ${device} is signalled through a trigger that was closed`);
        fd.signal();
      },
      close: () => {
        state.open = false;
        fd.close();
      },
    };
    return { fd: watched, open: () => state.open };
  }
}
