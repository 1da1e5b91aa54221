// Request and acknowledgement that both rise and both fall: every request is answered within a number of steps.
// C. L. Seitz, "System timing", in C. Mead, L. Conway, "Introduction to VLSI systems", 1980.
import type { Steps } from '@siov/base';
import type { Model, Property } from '../../src/model.ts';
import { at } from '../witness/local.ts';
import { known, proved, refuted } from './known-answer.ts';
import { responds } from './responds.ts';

const VALID = 'data is stable while it is requested';
const ANSWERED = 'a request is acknowledged';
const within = (steps: number): string => `a request is acknowledged within ${steps} steps`;

/** `phases` 2: the sender does not wait for the acknowledgement to fall. */
function handshake(name: string, phases: 4 | 2): Model {
  return {
    name,
    make(world) {
      const wires = world.state.record('wires', { request: false, acknowledge: false, data: 0, taken: 0 });
      const sender = function* (): Steps<void> {
        for (;;) {
          yield at('device', 'put data', null);
          wires.data = (wires.data + 1) % 3;
          yield { kind: 'device', what: 'raise request' };
          wires.request = true;
          yield { kind: 'wait', what: 'acknowledge is up', ready: () => wires.acknowledge };
          wires.request = false;
          if (phases === 4) yield { kind: 'wait', what: 'acknowledge is down', ready: () => !wires.acknowledge };
        }
      };
      const receiver = function* (): Steps<void> {
        for (;;) {
          yield at('wait', 'request is up', null, () => wires.request);
          yield { kind: 'device', what: 'take data' };
          wires.taken = wires.data;
          yield { kind: 'device', what: 'raise acknowledge' };
          wires.acknowledge = true;
          yield { kind: 'wait', what: 'request is down', ready: () => !wires.request };
          wires.acknowledge = false;
        }
      };
      const asked = (): boolean => wires.request && !wires.acknowledge;
      const answered = (): boolean => wires.acknowledge;
      const properties: Property[] = [
        { kind: 'always', name: VALID, holds: () => !(wires.request && wires.acknowledge) || wires.taken === wires.data || 'data changed' },
        responds(ANSWERED, asked, answered),
        ...[2, 3, 4].map((steps) => responds(within(steps), asked, answered, steps)),
      ];
      return { agents: [{ name: 'sender', steps: sender() }, { name: 'receiver', steps: receiver() }], properties };
    },
  };
}

export const handshakeAnswers = known('C. L. Seitz, 1980', [
  {
    model: handshake('four-phase handshake', 4),
    expected: { [VALID]: proved, [ANSWERED]: proved, [within(2)]: refuted(4), [within(3)]: proved, [within(4)]: proved },
  },
  {
    model: handshake('four-phase handshake without the fourth', 2),
    expected: { [VALID]: refuted(8), [ANSWERED]: proved, [within(2)]: refuted(4), [within(3)]: proved, [within(4)]: proved },
  },
]);
