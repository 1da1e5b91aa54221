// Moving a guest's device to another function: stopped, saved, loaded there, started (the states STOP, STOP_COPY, RESUMING
// and RUNNING of VFIO migration). The guest's processors stand still from the first to the last.
import { fail, ok } from '@siov/base';
import type { Lock, Result, StatePort, Steps } from '@siov/base';
import { COMMAND, COMMAND_ERROR } from '@siov/datasheet';
import type { TriggerHelper } from '@siov/vfio-mdev';
import type { VirtualHandles } from './virtual-handles.ts';
import { queuePasid } from './virtual-interrupts.ts';
import type { VectorIds } from './virtual-interrupts.ts';
import type { VirtualQueue } from './virtual-queue.ts';
import { loadRegisters, saveRegisters } from './virtual-state.ts';
import type { VirtualDeviceState } from './virtual-state.ts';

export interface MigrationParts {
  readonly state: StatePort;
  readonly lock: Lock;
  readonly ids: VectorIds;
  readonly queue: VirtualQueue;
  readonly handles: VirtualHandles;
  readonly triggers: Pick<TriggerHelper<unknown>, 'armed'>;
}

export class VirtualMigration {
  readonly #parts: MigrationParts;
  readonly #state: { stopped: boolean };

  constructor(parts: MigrationParts) {
    this.#parts = parts;
    this.#state = parts.state.record(`${parts.ids.device.name}/migration`, { stopped: false });
  }

  get stopped(): boolean {
    return this.#state.stopped;
  }

  /** All that was submitted is done, and nothing more is: from here on the device does not touch memory. Again is harmless. */
  stop(): Steps<void> {
    return this.#parts.lock.with(this.#stop());
  }

  *#stop(): Steps<void> {
    const { queue, ids } = this.#parts;
    if (this.stopped) return;
    this.#state.stopped = true;
    if (ids.registers.wqEnabled) yield* queue.run(COMMAND.DISABLE_WQ);
  }

  /**
   * The queue as the guest has it. `ENXIO`: it is enabled with a PASID that nothing is behind here; `EIO`: the function
   * does not enable it. The device is still stopped then.
   */
  start(): Steps<Result<void, 'ENXIO' | 'EIO'>> {
    return this.#parts.lock.with(this.#start());
  }

  *#start(): Steps<Result<void, 'ENXIO' | 'EIO'>> {
    const { ids, queue } = this.#parts;
    if (!this.stopped) return ok();
    if (ids.registers.wqEnabled) {
      const witness = queuePasid(ids);
      if (witness === null) return fail('ENXIO', `${ids.device.name}: its queue is enabled with the guest's PASID ${ids.registers.queuePasid ?? 'of its own'}, and nothing is behind it`);
      const error = yield* queue.enable(witness);
      if (error !== COMMAND_ERROR.SUCCESS) return fail('EIO', `${ids.device.name}: enabling its queue: error 0x${error.toString(16)}`);
    }
    this.#state.stopped = false;
    return ok();
  }

  /** Stops the device first. */
  saveState(): Steps<VirtualDeviceState> {
    return this.#parts.lock.with(this.#save());
  }

  *#save(): Steps<VirtualDeviceState> {
    const { ids, handles } = this.#parts;
    yield* this.#stop();
    return { ...saveRegisters(ids.registers), handles: handles.granted };
  }

  /**
   * The device is stopped, and as the saved one was. Its interrupts come with the VMM's next SET_IRQS: they get the PASIDs the
   * permission table names, as this host has them, and where a handle is not the one the guest has, it is revoked. `EBUSY`:
   * vectors are set up here or the queue is enabled; `EINVAL`: the state is another kind of device's. Nothing has changed then.
   */
  loadState(state: VirtualDeviceState): Steps<Result<void, 'EBUSY' | 'EINVAL'>> {
    return this.#parts.lock.with(this.#load(state));
  }

  *#load(state: VirtualDeviceState): Steps<Result<void, 'EBUSY' | 'EINVAL'>> {
    const { ids, handles, triggers } = this.#parts;
    const { name } = ids.device;
    if (triggers.armed > 0) return fail('EBUSY', `${name}: ${triggers.armed} vectors are set up`);
    if (ids.registers.wqEnabled && !this.stopped) return fail('EBUSY', `${name}: its queue is enabled`);
    const foreign = state.handles.find(([vector, handle]) => !(vector >= 1 && vector < handles.vectors && handle >= 0 && handle <= 0xffff));
    if (foreign !== undefined) return fail('EINVAL', `${name}: handle ${foreign[1]} of vector ${foreign[0]} is none of its ${handles.vectors} vectors`);
    const loaded = loadRegisters(ids.registers, state);
    if (!loaded.ok) return loaded;
    handles.adopt(state.handles);
    this.#state.stopped = true;
    return ok();
  }

  /** A reset ends it (VFIO_DEVICE_RESET): the device runs, with power-on values. */
  forget(): void {
    this.#state.stopped = false;
  }
}
