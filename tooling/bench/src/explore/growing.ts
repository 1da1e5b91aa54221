// What grows: windows like `submit` of any size, in which guests that have enabled their queues use them at the same time.
import { must, point } from '@siov/base';
import { OPCODE } from '@siov/datasheet';
import type { Model } from '@siov/explore';
import { deviceMsi, requestIrq } from '@siov/irq';
import { modelOf, windowOf } from '@siov/scenarios';
import type { Setting, Tenant, Window, WindowProgram } from '@siov/scenarios';

export interface GrowthSize {
  /** Virtual devices, each of a guest of its own. */
  readonly devices: number;
  /** CPUs of each guest that submit and wait for their completion interrupts. */
  readonly cpus: number;
  /** Descriptors that each of them submits, one after the other. */
  readonly descriptors: number;
  /** Of a device, vector 0 included. All beyond the queue's are requested by another CPU of the first guest meanwhile. */
  readonly vectors: number;
}

export interface Axis {
  readonly name: string;
  readonly what: string;
  readonly points: readonly { readonly x: number; readonly size: GrowthSize }[];
}

const SMALLEST: GrowthSize = { devices: 1, cpus: 1, descriptors: 1, vectors: 2 };

export const AXES: readonly Axis[] = [
  axis('devices', 'virtual devices, each of a guest that submits one descriptor', [1, 2, 3], (devices) => ({ devices })),
  axis('descriptors', 'descriptors, one after the other, of each of two guests', [1, 2, 3], (descriptors) => ({ devices: 2, descriptors })),
  axis('guest CPUs', 'CPUs of one guest, each of which submits one descriptor', [1, 2, 3], (cpus) => ({ cpus })),
  axis('vectors', 'vectors of one device: all from the third on are requested during a descriptor', [2, 3, 4], (vectors) => ({ vectors })),
];

function axis(name: string, what: string, values: readonly number[], sized: (x: number) => Partial<GrowthSize>): Axis {
  return { name, what, points: values.map((x) => ({ x, size: { ...SMALLEST, ...sized(x) } })) };
}

export function growingModel({ devices, cpus, descriptors, vectors }: GrowthSize): Model {
  const grows = vectors > SMALLEST.vectors;
  const { prepare } = windowOf('submit');
  const window: Window = {
    name: `devices ${devices}, CPUs ${cpus}, descriptors ${descriptors}, vectors ${vectors}`,
    what: 'guests use their queues',
    devices,
    guestCpus: cpus + (grows ? 1 : 0),
    vectors,
    prepare,
    programs: (all) => [
      ...all.tenants.flatMap((tenant) => Array.from({ length: cpus }, (_, cpu) => submitting(tenant, cpu, descriptors))),
      ...(grows ? all.tenants.slice(0, 1).map((tenant) => requesting(all, tenant, cpus, vectors)) : []),
    ],
  };
  return modelOf(window, `mdev/${window.name} (dynamic)`, { scenario: 'mdev', vmm: 'dynamic' });
}

function submitting({ cpu, queue }: Tenant, number: number, descriptors: number): WindowProgram {
  return {
    agent: cpu(number),
    *steps() {
      for (let count = 0; count < descriptors; count++) {
        yield point('wait', 'a descriptor');
        must(yield* queue.transfer({ opcode: OPCODE.NOOP }), 'a No-op');
      }
    },
  };
}

function requesting(all: Setting, { core, cpu, device }: Tenant, number: number, vectors: number): WindowProgram {
  return {
    agent: cpu(number),
    *steps() {
      for (let vector = SMALLEST.vectors; vector < vectors; vector++) {
        yield point('wait', `request_irq() of vector ${vector}`);
        const virq = deviceMsi(device)?.virq(vector) ?? 0;
        must(yield* requestIrq(core, virq, { name: `vector${vector}`, devId: all, handler: () => 'handled' }), 'request_irq()');
      }
    },
  };
}
