import { describe, expect, test } from 'vitest';
import { Executor, noTrace, point, recordTrace, runToCompletion, traceLine, waitUntil } from '../src/index.ts';
import type { Agent, Steps, Trace, TraceEvent } from '../src/index.ts';

const step = point('register', 'access');

function recorder() {
  const executor = new Executor();
  const events: TraceEvent[] = [];
  let time = 100;
  const trace = recordTrace(executor, () => time++, (event) => events.push(event));
  const agent: Agent = { name: 'task', layer: 'driver' };
  const lines = () => events.map(({ agent: who, from, to, operation }) => `${who}: ${from} -> ${to} ${operation}`);
  return { executor, trace, agent, events, lines };
}

describe('recordTrace', () => {
  const nested = function* (trace: Trace): Steps<string> {
    yield step;
    const inner = yield* trace.cross('ims', 'write', { slot: 1 }, (function* () { yield step; return trace.call('ims', 'again', {}, () => 'x'); })());
    yield* trace.cross('irq', 'back', {}, (function* () { yield step; })());
    return inner;
  };

  test('every crossing is one event, from where the agent was; calls within a layer are none', () => {
    const { executor, trace, agent, lines } = recorder();
    expect(executor.run(agent, trace.cross('irq', 'request', {}, nested(trace)))).toBe('x');
    expect(lines()).toEqual(['task: driver -> irq request', 'task: irq -> ims write']);
    expect(agent).toEqual({ name: 'task', layer: 'driver' });
  });

  test('the layer is the agent’s own: others that run in between are in theirs', () => {
    const { executor, trace, agent, lines } = recorder();
    const box = { open: false };
    executor.spawn({ name: 'cpu', layer: 'hw' }, trace.cross('iommu', 'remap', {}, (function* () { yield step; box.open = true; trace.call('irq', 'raise', {}, () => {}); })()));
    executor.run(agent, trace.cross('irq', 'free', {}, (function* () { yield* waitUntil('the handler', () => box.open); trace.call('ims', 'wipe', {}, () => {}); })()));
    expect(lines()).toEqual(['task: driver -> irq free', 'cpu: hw -> iommu remap', 'cpu: iommu -> irq raise', 'task: irq -> ims wipe']);
  });

  test('a trap renames the agent until it returns', () => {
    const { executor, trace, agent, lines } = recorder();
    executor.run(agent, (function* () {
      yield* trace.as('vcpu0@host', trace.cross('vmm', 'trap', {}, (function* () { yield step; })()));
      trace.call('irq', 'after', {}, () => {});
    })());
    expect(lines()).toEqual(['vcpu0@host: driver -> vmm trap', 'task: driver -> irq after']);
  });

  test('layer and name are restored when the body throws', () => {
    const { executor, trace, agent } = recorder();
    const bad = function* (): Steps<void> { yield step; throw new Error('no'); };
    expect(() => executor.run(agent, trace.as('host', trace.cross('irq', 'x', {}, bad())))).toThrow('no');
    expect(() => executor.run(agent, (function* (): Steps<void> { trace.call('irq', 'y', {}, () => { throw new Error('no'); }); })())).toThrow('no');
    expect(agent).toEqual({ name: 'task', layer: 'driver' });
  });

  test('nothing is recorded before the steps begin, and time counts from the first', () => {
    const { executor, trace, agent, events } = recorder();
    const steps = trace.cross('irq', 'later', { wide: 0x1_0000_0000n, name: 'a' }, (function* () { yield step; })());
    expect(events).toEqual([]);
    executor.run(agent, steps);
    expect(events).toEqual([{ time: 1, agent: 'task', from: 'driver', to: 'irq', operation: 'later', values: { wide: 0x1_0000_0000n, name: 'a' } }]);
    expect(events.map(traceLine)).toEqual(['{"time":1,"agent":"task","from":"driver","to":"irq","operation":"later","values":{"wide":"0x100000000","name":"a"}}']);
  });

  test('without a trace the same code gives the same result', () => {
    expect(runToCompletion(noTrace.cross('irq', 'request', {}, nested(noTrace)))).toBe('x');
    expect(runToCompletion(noTrace.as('host', nested(noTrace)))).toBe('x');
  });
});
