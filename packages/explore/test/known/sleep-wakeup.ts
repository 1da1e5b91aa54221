// A wake-up that comes between the look and the sleep is lost, and the sleeper sleeps for ever.
// J. H. Saltzer, "Traffic control in a multiplexed computer system", 1966, whose remedy is the wakeup-waiting switch.
import type { Steps } from '@siov/base';
import { DEADLOCK } from '../../src/model.ts';
import type { Model, World } from '../../src/model.ts';
import { Cell } from './cell.ts';
import { known, proved, refuted } from './known-answer.ts';
import { Condition, Monitor } from './monitor.ts';

const DONE = 'the sleeper sees the event';

type Half = (event: Cell<boolean>) => Steps<void>;
type Sleeping = (world: World) => { readonly sleeper: Half; readonly waker: Half };

function sleep(name: string, sleeping: Sleeping): Model {
  return {
    name,
    make(world) {
      const event = new Cell(world, 'event', false);
      const seen = world.state.record('seen', { seen: false });
      const { sleeper, waker } = sleeping(world);
      const waits = function* (): Steps<void> {
        yield* sleeper(event);
        seen.seen = true;
      };
      return {
        agents: [{ name: 'sleeper', steps: waits() }, { name: 'waker', steps: waker(event) }],
        properties: [{ kind: 'eventually', name: DONE, holds: () => seen.seen }],
      };
    },
  };
}

/** `pending`: whether a wake-up of somebody who is awake is kept for the next time it falls asleep. */
const withoutLock = (pending: boolean): Sleeping => (world) => {
  const task = world.state.record('task', { asleep: false, pending: false });
  return {
    *sleeper(event) {
      while (!(yield* event.read())) {
        yield { kind: 'wait', what: 'fall asleep' };
        if (task.pending) {
          task.pending = false;
          continue;
        }
        task.asleep = true;
        yield { kind: 'wait', what: 'be woken', ready: () => !task.asleep };
      }
    },
    *waker(event) {
      yield* event.write(true);
      yield { kind: 'memory', what: 'wake up' };
      if (task.asleep) task.asleep = false;
      else if (pending) task.pending = true;
    },
  };
};

const withMonitor: Sleeping = (world) => {
  const monitor = new Monitor(world);
  const happened = new Condition(world, monitor, 'happened');
  const look = function* (event: Cell<boolean>): Steps<void> {
    while (!(yield* event.read())) yield* happened.wait('sleeper');
  };
  const happen = function* (event: Cell<boolean>): Steps<void> {
    yield* event.write(true);
    happened.signal();
  };
  return { sleeper: (event) => monitor.within(look(event)), waker: (event) => monitor.within(happen(event)) };
};

export const sleepWakeupAnswers = known('J. H. Saltzer, 1966', [
  { model: sleep('lost wake-up', withoutLock(false)), expected: { [DONE]: refuted(), [DEADLOCK]: refuted(4) } },
  { model: sleep('wakeup-waiting switch', withoutLock(true)), expected: { [DONE]: proved } },
  { model: sleep('sleep in a monitor', withMonitor), expected: { [DONE]: proved } },
]);
