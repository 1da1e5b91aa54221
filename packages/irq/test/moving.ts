// A machine with an interrupt to move.
import { cpuMask, irqSetAffinity, requestIrq } from '../src/index.ts';
import type { IrqData, VectorTarget } from '../src/index.ts';
import type { ApicData } from '../src/vector-data.ts';
import { makeMachine } from './machine.ts';
import type { MachineOptions } from './machine.ts';

/** One interrupt on CPU 0, requested. */
export function moving(options: MachineOptions = {}) {
  const machine = makeMachine({ cpus: 3, ...options });
  const { alloc, run, core, vectors, table, executor, clock } = machine;
  const virq = alloc(0, { mask: cpuMask(0), managed: false });
  const seen = { handled: 0 };
  const stored = run(requestIrq(core, virq, { name: 'a', devId: 1, handler: () => { seen.handled += 1; return 'handled'; } }));
  if (!stored.ok) throw new Error(stored.message);
  const data = core.desc(virq)?.state.data as IrqData;
  const apic = data.parent?.chipData as ApicData;
  return {
    ...machine, virq, data, apic, seen,
    setAffinity: (mask: bigint) => run(irqSetAffinity(core, virq, mask)),
    fire() { table.fire(0); executor.settle(); },
    tick() { clock.advance(1); executor.settle(); },
    target: (): VectorTarget => vectors.targetOf(data),
  };
}
