// A VFIO device whose interrupts are the state machine's, and whose host is stepwise: what others do in between shows.
import { ModelEventFd, noTrace, ok, plainState, point } from '@siov/base';
import type { EventFd } from '@siov/base';
import { bypassToken, PciIrqs, VFIO_PCI_IRQ } from '@siov/vfio';
import type { BypassProducer, IrqBypass, IrqSet } from '@siov/vfio';
import { RecordingDevice } from './recording-device.ts';

const between = point('memory', 'the host');

export class KernelDevice extends RecordingDevice {
  readonly irqs: PciIrqs;
  readonly handed: ModelEventFd[] = [];
  /** Vectors the host has taken for it; vectors with an action. */
  taken = 0;
  readonly actions = new Map<number, BypassProducer | null>();
  /** Interrupts that were given up while they were still posted. */
  leftPosted = 0;
  readonly #host: IrqBypass | undefined;

  constructor(vectors: number, resize: 'classic' | 'dynamic', bypass?: IrqBypass) {
    super(vectors);
    this.#host = bypass;
    const take = (count: number) => (this.taken = count);
    const arm = this.#request.bind(this);
    const disarm = this.#release.bind(this);
    this.irqs = new PciIrqs({ state: plainState, trace: noTrace }, this.name, {
      counts: { [VFIO_PCI_IRQ.MSIX]: vectors },
      *enable(_index, count) { return ok(take(count)); },
      *disable() { take(0); },
      *arm(_index, vector, trigger) {
        yield* arm(vector, trigger);
        return ok();
      },
      disarm: (_index, vector) => disarm(vector),
      *free() {},
    }, { resize });
    this.irqInfo = (index) => this.irqs.info(index);
  }

  override setIrqs(set: IrqSet): ReturnType<RecordingDevice['setIrqs']> {
    if (set.data.kind === 'eventfd') for (const fd of set.data.fds) if (fd instanceof ModelEventFd) this.handed.push(fd);
    return this.irqs.setIrqs(set);
  }

  /** Vector `vector`, which has an action, is raised. */
  raise(vector: number): void {
    const target = this.targets[vector] ?? null;
    if (target === null) this.irqs.signal(vector);
    else this.posted.push(target.vector);
  }

  *#request(vector: number, trigger: EventFd) {
    this.actions.set(vector, null);
    yield between;
    if (this.#host === undefined) return;
    const producer = this.#producerOf(vector, trigger);
    this.actions.set(vector, producer);
    yield* this.#host.registerProducer(producer);
  }

  *#release(vector: number) {
    const producer = this.actions.get(vector) ?? null;
    if (producer !== null) yield* this.#host?.unregisterProducer(producer) ?? [];
    yield between;
    if (this.targets[vector] !== null) this.leftPosted += 1;
    this.actions.delete(vector);
  }

  #producerOf(vector: number, trigger: EventFd): BypassProducer {
    const { targets } = this;
    return {
      token: bypassToken(trigger),
      irq: vector,
      *post(target) {
        yield between;
        targets[vector] = target;
        yield between;
        return ok();
      },
    };
  }
}
