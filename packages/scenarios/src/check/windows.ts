// The windows of a flow in which agents get into each other's way: each a machine at some point of the flow, and what its
// agents do from there, in every order.
import { ModelError, must, point, waitUntil } from '@siov/base';
import type { Agent, Executor, Point, Steps, TraceEvent } from '@siov/base';
import { OPCODE } from '@siov/datasheet';
import type { Model, ModelAgent, World } from '@siov/explore';
import { cpuMask, deviceMsi, disableIrq, enableIrq, irqSetAffinity, requestIrq } from '@siov/irq';
import { agentOf, exploreAgents } from './agents.ts';
import { invariantProperties, nothingLeft } from './properties.ts';
import { setting } from './setting.ts';
import type { Setting, SettingOptions, Tenant } from './setting.ts';

export interface Window {
  readonly name: string;
  /** What runs against what, for people. */
  readonly what: string;
  readonly devices?: number;
  readonly guestCpus?: number;
  readonly vectors?: number;
  /** Before the window opens: what is done in one order. */
  readonly prepare: (setting: Setting) => void;
  readonly programs: (setting: Setting) => readonly WindowProgram[];
  /** All is torn down in it: the host ends with what it had before the guests came. */
  readonly toTheEnd?: boolean;
}

export interface WindowProgram {
  readonly agent: Agent;
  readonly steps: () => Steps<unknown>;
  /** It may wait for ever: nobody answers it any more. */
  readonly daemon?: boolean;
  /** Everything before this point of its steps is done before the window opens. */
  readonly opensAt?: (point: Point) => boolean;
}

const NOOP = { opcode: OPCODE.NOOP };

function vcpu(tenant: Tenant, number = 0): Agent {
  return tenant.cpu(number);
}

/** Steps that begin at a point of their own, so that others can go first. */
function program(what: string, body: () => Steps<unknown>): () => Steps<unknown> {
  return function* from() {
    yield point('wait', what);
    yield* body();
  };
}

export function enable({ watched }: Setting, { cpu, queue, permit }: Tenant): void {
  const { executor } = watched.host;
  must(executor.run(cpu(0), queue.enable()), 'enabling the queue');
  executor.run(cpu(0), permit());
  executor.settle();
}

/** A descriptor whose completion interrupt is waited for. */
export function* transfer({ queue }: Tenant): Steps<void> {
  must(yield* queue.transfer(NOOP), 'a No-op');
}

/** The same, for one whose device may be taken away under it: it ends somehow. */
function* tryTransfer({ queue }: Tenant): Steps<void> {
  yield* queue.transfer(NOOP);
}

/** The guest's interrupt of a vector. */
function virqOf({ device }: Tenant, vector: number): number {
  return deviceMsi(device)?.virq(vector) ?? 0;
}

/** The one that its queue has requested, wherever it comes from. */
function queueVirq({ core }: Tenant): number {
  return core.descs().find(({ state }) => state.actions.some(({ name }) => name === 'idxd-portal'))?.virq ?? 0;
}

const enableAll = (all: Setting) => all.tenants.forEach((tenant) => enable(all, tenant));
const first = ({ tenants: [tenant] }: Setting): Tenant => tenant as Tenant;
const second = ({ tenants: [, tenant] }: Setting): Tenant => tenant as Tenant;

/** The guest's driver stops using the device. */
function* stop({ queue, driver }: Tenant): Steps<void> {
  yield* queue.disable();
  yield* driver.disable();
}

const MAIN: Agent = { name: 'QM exit', layer: 'vmm' };

/** One CPU waits for an interrupt, the other one disables and enables it, and then does what `after` says. */
function masking(all: Setting, after: () => Steps<void>): WindowProgram[] {
  const { core } = first(all);
  const virq = queueVirq(first(all));
  return [
    { agent: vcpu(first(all)), steps: program('a descriptor', () => transfer(first(all))) },
    { agent: vcpu(first(all), 1), steps: program('disable_irq()', function* () {
      must(yield* disableIrq(core, virq), 'disable_irq()');
      yield point('memory', 'enable_irq()');
      must(yield* enableIrq(core, virq), 'enable_irq()');
      yield* after();
    }) },
  ];
}

/** request_irq() begins. */
const isRequest = ({ what }: Point) => /^lock .*irq\d+\/request$/.test(what);

export const WINDOWS: readonly Window[] = [
  {
    name: 'submit',
    what: 'two CPUs of a guest submit and wait for their completion interrupts',
    guestCpus: 2,
    prepare: enableAll,
    programs: (all) => [0, 1].map((cpu) => ({ agent: vcpu(first(all), cpu), steps: program('a descriptor', () => transfer(first(all))) })),
  },
  {
    name: 'set-up',
    what: 'a guest requests the interrupt of its queue, and another CPU of it uses the queue as soon as it is enabled',
    guestCpus: 2,
    prepare: () => {},
    programs: (all) => [
      { agent: vcpu(first(all)), opensAt: isRequest, steps: program('the work queue', function* () {
        must(yield* first(all).queue.enable(), 'enabling the queue');
        yield* first(all).permit();
      }) },
      { agent: vcpu(first(all), 1), steps: program('a descriptor', function* () {
        yield* waitUntil('the queue is enabled', () => first(all).queue.enabled);
        yield* transfer(first(all));
      }) },
    ],
  },
  {
    name: 'tenants',
    what: 'a guest requests the interrupt of its queue and uses it, while another guest of the function uses its own',
    devices: 2,
    prepare: (all) => enable(all, second(all)),
    programs: (all) => [
      { agent: vcpu(first(all)), steps: program('the work queue', function* () {
        must(yield* first(all).queue.enable(), 'enabling the queue');
        yield* transfer(first(all));
      }) },
      { agent: vcpu(second(all)), steps: program('a descriptor', () => transfer(second(all))) },
    ],
  },
  {
    name: 'mask',
    what: 'a CPU of the guest disables and enables the interrupt while another one waits for it',
    guestCpus: 2,
    prepare: enableAll,
    programs: (all) => masking(all, function* () {}),
  },
  {
    name: 'mask-and-use',
    what: 'a CPU of the guest disables and enables the interrupt and then waits for it itself, while another one waits for it',
    guestCpus: 2,
    prepare: enableAll,
    programs: (all) => masking(all, () => transfer(first(all))),
  },
  {
    name: 'move',
    // It is on CPU 1: vectors are spread, and the function's own interrupt took CPU 0.
    what: 'the guest moves the interrupt to its other CPU, which masks and unmasks it, while it is waited for',
    guestCpus: 2,
    prepare: enableAll,
    programs: (all) => {
      const { core } = first(all);
      return [
        { agent: vcpu(first(all)), steps: program('a descriptor', () => transfer(first(all))) },
        { agent: vcpu(first(all), 1), steps: program('irq_set_affinity()', function* () {
          must(yield* irqSetAffinity(core, queueVirq(first(all)), cpuMask(0)), 'irq_set_affinity()');
        }) },
      ];
    },
  },
  {
    name: 'grow',
    what: 'the guest requests one vector more while the queue’s interrupt is waited for',
    guestCpus: 2,
    vectors: 3,
    prepare: enableAll,
    programs: (all) => [
      { agent: vcpu(first(all)), steps: program('a descriptor', () => transfer(first(all))) },
      { agent: vcpu(first(all), 1), steps: program('request_irq()', function* () {
        must(yield* requestIrq(first(all).core, virqOf(first(all), 2), { name: 'another', devId: all, handler: () => 'handled' }), 'request_irq()');
      }) },
    ],
  },
  {
    name: 'reset',
    what: 'the guest resets its device while a descriptor of it is on its way',
    guestCpus: 2,
    prepare: enableAll,
    programs: (all) => [
      { agent: vcpu(first(all)), steps: program('a descriptor', () => tryTransfer(first(all))) },
      { agent: vcpu(first(all), 1), steps: program('reset', () => stop(first(all))) },
    ],
  },
  {
    name: 'teardown',
    what: 'the VMM gives up the device while a descriptor of it is on its way',
    prepare: (all) => {
      enableAll(all);
      must(all.watched.host.executor.run(vcpu(first(all)), first(all).queue.start(NOOP)), 'a descriptor that no engine has yet');
    },
    toTheEnd: true,
    programs: (all) => [
      { agent: MAIN, steps: program('exit', () => first(all).giveUp()) },
    ],
  },
  {
    name: 'neighbour',
    what: 'the VMM of one guest gives up its device while a descriptor of another guest is on its way',
    devices: 2,
    prepare: enableAll,
    programs: (all) => [
      { agent: MAIN, steps: program('exit', () => first(all).giveUp()) },
      { agent: vcpu(second(all)), steps: program('a descriptor', () => transfer(second(all))) },
    ],
  },
  {
    name: 'leave',
    what: 'a guest gives its device back in good order, and nothing of it is left',
    toTheEnd: true,
    prepare: (all) => {
      enableAll(all);
      all.watched.host.executor.run(vcpu(first(all)), stop(first(all)));
    },
    programs: (all) => [
      { agent: vcpu(first(all)), steps: program('removal', function* () {
        must(yield* first(all).driver.remove(), 'removing the driver');
        yield* first(all).giveUp();
      }) },
    ],
  },
  {
    name: 'remove',
    what: 'a guest gives its device back in good order while a descriptor of another guest is on its way',
    devices: 2,
    prepare: (all) => {
      enableAll(all);
      all.watched.host.executor.run(vcpu(first(all)), stop(first(all)));
    },
    programs: (all) => [
      { agent: vcpu(first(all)), steps: program('removal', function* () {
        must(yield* first(all).driver.remove(), 'removing the driver');
        yield* first(all).giveUp();
      }) },
      { agent: vcpu(second(all)), steps: program('a descriptor', () => transfer(second(all))) },
    ],
  },
];

/** `name`: the model's, in reports and trace files. */
export function modelOf(window: Window, name: string, options: SettingOptions): Model {
  return {
    name,
    make(world: World) {
      const { devices = 1, guestCpus = 1, vectors = 2 } = window;
      const events: TraceEvent[] = [];
      const trace = { now: () => 0, sink: (event: TraceEvent) => void events.push(event) };
      const made = setting(world.state, { devices, guestCpus, vectors, ...options, ...(world.narrated ? { trace } : {}) });
      const { watched, bare } = made;
      const { executor } = watched.host;
      window.prepare(made);
      const programs = window.programs(made).map((each) => ({ ...each, opened: runToOpening(executor, each) }));
      exploreAgents(executor, world);
      const agents = programs.map(({ agent, steps, opened, daemon = false }): ModelAgent => {
        if (opened !== null) return { ...agentOf(executor, agent, opened), daemon };
        return { ...agentOf(executor, agent, steps()), again: () => agentOf(executor, agent, steps()).steps, daemon };
      });
      return {
        agents,
        properties: [...invariantProperties(watched), ...(window.toTheEnd === true ? [nothingLeft(watched, bare)] : [])],
        notes: () => events.splice(0).map(noteOf),
      };
    },
  };
}

/** The rest of its steps, from the point on at which the window opens; null: it opens where they begin. */
function runToOpening(executor: Executor, { agent, steps: program, opensAt }: WindowProgram): Steps<unknown> | null {
  if (opensAt === undefined) return null;
  const steps = program();
  const reached: { at: Point | null } = { at: null };
  function* before(): Steps<void> {
    for (let next = steps.next(); next.done !== true; next = steps.next()) {
      if (opensAt?.(next.value) === true) {
        reached.at = next.value;
        return;
      }
      yield next.value;
    }
  }
  executor.run(agent, before());
  executor.settle();
  const { at } = reached;
  if (at === null) throw new ModelError(`${agent.name} ends before the window opens`);
  return (function* from(): Steps<unknown> {
    yield at;
    return yield* steps;
  })();
}

/** A call from one layer into another, with its values. */
function noteOf({ from, to, operation, values }: TraceEvent): string {
  const told = Object.entries(values).map(([name, value]) => `${name} ${String(value)}`);
  return `${from} -> ${to}: ${operation}${told.length === 0 ? '' : ` (${told.join(', ')})`}`;
}
