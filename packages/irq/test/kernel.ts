// A kernel with one interrupt from a controller that is nothing but a log: the core alone, without vectors or messages.
import { Executor, isSteps, ModelClock, noTrace, ok, point, runToCompletion } from '@siov/base';
import type { Agent, Errno, MaybeSteps, Result, Steps } from '@siov/base';
import { ObservedState } from '@siov/base/testing';
import { irqDomainAllocIrq } from '../src/domain-alloc.ts';
import { IrqCore, IrqDomain } from '../src/index.ts';
import type { FlowHandler, IrqAffinityDesc, IrqChip, IrqDesc, IrqRequest } from '../src/index.ts';

const access = point('register', 'controller access');

export interface KernelOptions {
  readonly cpus?: number;
  readonly nrIrqs?: number;
  readonly interleaved?: boolean;
  readonly threadirqs?: boolean;
  readonly flow?: FlowHandler;
  /** Callbacks beside masking, which the outer level always has. */
  readonly chip?: Partial<IrqChip>;
  /** The level below: acknowledges and ends. */
  readonly inner?: Partial<IrqChip>;
  readonly affinity?: IrqAffinityDesc;
  readonly spawn?: (agent: Agent, steps: Steps<unknown>) => void;
}

export function makeKernel(options: KernelOptions = {}) {
  const { cpus = 2, nrIrqs = 64, interleaved = false, threadirqs = false, flow, spawn } = options;
  const state = new ObservedState({ interleaved });
  const clock = new ModelClock(state);
  const executor = new Executor();
  /** Names of the agents the core has started. */
  const threads: string[] = [];
  const start = spawn ?? ((agent: Agent, steps: Steps<unknown>) => {
    threads.push(agent.name);
    executor.spawn(agent, steps);
  });
  const core = new IrqCore(
    { state, clock, trace: noTrace, spawn: (agent, spawned) => start(agent, typeof spawned === 'function' ? spawned() : spawned) },
    { name: 'k', cpus, nrIrqs, threadirqs, threadAgent: (virq, action) => `irq/${virq}-${action}` },
  );
  const log: string[] = [];
  const hardware = { masked: true };
  const inner: IrqChip = { name: 'INNER', irqAck() { log.push('ack'); }, irqEoi() { log.push('eoi'); }, ...options.inner };
  const chip: IrqChip = {
    name: 'OUTER',
    *irqMask() { yield access; log.push('mask'); hardware.masked = true; },
    *irqUnmask() { yield access; log.push('unmask'); hardware.masked = false; },
    ...options.chip,
  };
  const root = new IrqDomain(state, 'root', {
    *alloc(_domain, virq) { return ok({ hwirq: virq, chip: inner, chipData: null }); },
    *activate() { log.push('activate'); return ok(); },
    *deactivate() { log.push('deactivate'); },
  });
  const domain = new IrqDomain(state, 'device', { *alloc(_domain, virq) { return ok({ hwirq: virq - 16, chip, chipData: null }); } }, root);
  const agent: Agent = { name: 'task', layer: 'driver' };
  const run = <T>(steps: Steps<T>): T => executor.run(agent, steps);
  const allocate = (): IrqDesc => {
    const made = runToCompletion(irqDomainAllocIrq(core, domain, null, options.affinity ?? null));
    if (!made.ok) throw new Error(made.message);
    if (flow !== undefined) made.value.state.flow = flow;
    return made.value;
  };
  const desc = allocate();
  return {
    state, clock, executor, core, threads, log, hardware, inner, chip, root, domain, run, allocate, desc,
    virq: desc.virq,
    /** The interrupt arrives on a CPU, which takes it now. */
    arrive(cpu = 0): void {
      finish(executor, core.handleIrq(desc.virq, cpu), cpu);
      executor.settle();
    },
    /** What was logged since the last call. */
    logged(): string[] {
      return log.splice(0);
    },
  };
}

export type Kernel = ReturnType<typeof makeKernel>;

export function finish<T>(executor: Executor, result: MaybeSteps<T>, cpu = 0): T {
  return isSteps(result) ? executor.run({ name: `cpu${cpu}`, layer: 'irq' }, result) : result;
}

/** A request whose handler counts. */
export function counting(name = 'a', change: Partial<IrqRequest> = {}) {
  const seen = { handled: 0 };
  const request: IrqRequest = { name, devId: name, handler: () => { seen.handled += 1; return 'handled'; }, ...change };
  return { seen, request };
}

/** Refuses the 1st, 2nd, ... request for a resource in `call` until it succeeds: each failure has to leave nothing changed. */
export function sweepRefusals(
  state: ObservedState,
  call: () => Result<unknown>,
  expectFailure: (failure: { resource: string; errno: Errno; changed: string[] }) => void,
): number {
  for (let nth = 1; ; nth++) {
    const before = state.snapshot();
    state.refuse(nth);
    const result = call();
    if (result.ok) {
      state.refuse(0);
      return nth - 1;
    }
    expectFailure({ resource: state.requests.at(-1) ?? '', errno: result.errno, changed: state.changes(before) });
  }
}
