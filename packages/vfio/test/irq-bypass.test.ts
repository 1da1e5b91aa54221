import { describe, expect, test } from 'vitest';
import fc from 'fast-check';
import { Executor, ModelEventFd, ok, plainState, point, runToCompletion } from '@siov/base';
import type { Steps } from '@siov/base';
import { bypassToken, IrqBypass } from '../src/index.ts';
import type { BypassConsumer, BypassProducer } from '../src/index.ts';

const step = point('register', 'connecting');

/** Consumers note what they are connected to. */
function sides() {
  const bypass = new IrqBypass(plainState, 'h');
  const connected = new Map<number, number>();
  const log: string[] = [];
  const producer = (irq: number, token: object): BypassProducer => ({ irq, token, *post() { return ok(); } });
  const consumer = (gsi: number, token: object): BypassConsumer => ({
    gsi, token,
    *connect({ irq }): Steps<void> {
      yield step;
      if (connected.has(gsi)) throw new Error(`gsi ${gsi} is connected twice`);
      connected.set(gsi, irq);
      log.push(`+${gsi}:${irq}`);
    },
    *disconnect({ irq }): Steps<void> {
      yield step;
      if (connected.get(gsi) !== irq) throw new Error(`gsi ${gsi} is not connected to irq ${irq}`);
      connected.delete(gsi);
      log.push(`-${gsi}:${irq}`);
    },
  });
  return { bypass, connected, log, producer, consumer };
}

describe('IrqBypass', () => {
  test('the two sides of an eventfd find each other in either order, and only they', () => {
    for (const producerFirst of [true, false]) {
      const { bypass, log, producer, consumer } = sides();
      const fd = new ModelEventFd(plainState, 'fd');
      const [p, c] = [producer(33, bypassToken(fd)), consumer(7, bypassToken(fd.dup()))];
      runToCompletion(bypass.registerProducer(producer(34, bypassToken(new ModelEventFd(plainState, 'other')))));
      const steps = [() => runToCompletion(bypass.registerProducer(p)), () => runToCompletion(bypass.registerConsumer(c))];
      for (const each of producerFirst ? steps : steps.toReversed()) expect(each()).toEqual(ok());
      expect(log).toEqual(['+7:33']);
      if (producerFirst) runToCompletion(bypass.unregisterProducer(p));
      else runToCompletion(bypass.unregisterConsumer(c));
      expect(log).toEqual(['+7:33', '-7:33']);
    }
  });

  test('an eventfd without a context is a token of its own', () => {
    const fd = { name: 'plain', signal() {}, close() {} };
    expect(bypassToken(fd)).toBe(fd);
  });

  test('a second one of the same token on a side is EBUSY and changes nothing', () => {
    const { bypass, log, producer, consumer } = sides();
    const token = {};
    runToCompletion(bypass.registerProducer(producer(33, token)));
    runToCompletion(bypass.registerConsumer(consumer(7, token)));
    const before = [bypass.producers, bypass.consumers];
    expect(runToCompletion(bypass.registerProducer(producer(34, token)))).toMatchObject({ errno: 'EBUSY', message: expect.stringContaining('irq 33') });
    expect(runToCompletion(bypass.registerConsumer(consumer(8, token)))).toMatchObject({ errno: 'EBUSY', message: expect.stringContaining('gsi 7') });
    expect([[bypass.producers, bypass.consumers], log]).toEqual([before, ['+7:33']]);
  });

  test('a side that comes or goes between any two steps of the other: connected while both are there', () => {
    const calls = ['producer comes', 'producer goes', 'consumer comes', 'consumer goes'] as const;
    for (const first of calls) {
      for (const second of calls.filter((each) => each.slice(0, 8) !== first.slice(0, 8))) {
        for (let at = 0, more = true; more; at++) {
          const { bypass, connected, producer, consumer } = sides();
          const executor = new Executor();
          const [p, c] = [producer(33, bypass), consumer(7, bypass)];
          const does = { 'producer comes': () => bypass.registerProducer(p), 'producer goes': () => bypass.unregisterProducer(p), 'consumer comes': () => bypass.registerConsumer(c), 'consumer goes': () => bypass.unregisterConsumer(c) };
          for (const call of [first, second]) if (call.endsWith('goes')) runToCompletion(call.startsWith('p') ? bypass.registerProducer(p) : bypass.registerConsumer(c));
          const steps: Steps<unknown> = does[first]();
          more = false;
          executor.run({ name: 'vfio', layer: 'vfio' }, (function* () {
            for (let taken = 0; ; taken++) {
              const next = steps.next();
              if (next.done) return;
              if (taken === at) {
                more = true;
                executor.spawn({ name: 'kvm', layer: 'vmm' }, does[second]());
                executor.settle();
              }
              yield next.value;
            }
          })());
          executor.settle();
          const both = bypass.producers.length + bypass.consumers.length === 2;
          expect([first, second, at, connected.size]).toEqual([first, second, at, both ? 1 : 0]);
          if (more) expect([first, second, at, both]).toEqual([first, second, at, first.endsWith('comes') && second.endsWith('comes')]);
        }
      }
    }
  });

  test('whatever comes and goes, exactly the pairs of registered sides are connected', () => {
    const call = fc.record({ producer: fc.boolean(), leave: fc.boolean(), token: fc.nat(2), which: fc.nat(1) });
    fc.assert(fc.property(fc.array(call, { maxLength: 40 }), (calls) => {
      const { bypass, connected, producer, consumer } = sides();
      const tokens = [{}, {}, {}];
      const producers = tokens.flatMap((token, at) => [producer(at * 2, token), producer(at * 2 + 1, token)]);
      const consumers = tokens.flatMap((token, at) => [consumer(at * 2, token), consumer(at * 2 + 1, token)]);
      const held = { producers: new Map<number, number>(), consumers: new Map<number, number>() };
      for (const { producer: isProducer, leave, token, which } of calls) {
        const at = token * 2 + which;
        const mine = isProducer ? held.producers : held.consumers;
        const [p, c] = [producers[at] as BypassProducer, consumers[at] as BypassConsumer];
        if (leave) {
          runToCompletion(isProducer ? bypass.unregisterProducer(p) : bypass.unregisterConsumer(c));
          if (mine.get(token) === at) mine.delete(token);
        } else {
          const joined = runToCompletion(isProducer ? bypass.registerProducer(p) : bypass.registerConsumer(c));
          expect(joined.ok).toBe(!mine.has(token));
          if (joined.ok) mine.set(token, at);
        }
        const pairs = [...held.consumers].flatMap(([key, gsi]) => (held.producers.has(key) ? [[gsi, held.producers.get(key)]] : []));
        expect([...connected].toSorted()).toEqual(pairs.toSorted());
      }
    }));
  });
});
