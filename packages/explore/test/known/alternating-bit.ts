// Messages over channels that lose some, each with a bit that says whether it is new. It gets through only if not everything
// is lost for ever, which weak fairness alone does not promise. K. A. Bartlett, R. A. Scantlebury, P. T. Wilkinson, "A note
// on reliable full-duplex transmission over half-duplex links", 1969.
import type { Steps } from '@siov/base';
import type { Model } from '../../src/model.ts';
import { at } from '../witness/local.ts';
import { known, proved, refuted } from './known-answer.ts';

const IN_ORDER = 'what is delivered was sent, once and in order';
const ALL = 'everything is delivered';

interface Variant {
  /** Messages that a channel can lose one after the other. */
  readonly losses: number;
  /** Who looks at the bit. */
  readonly receiver: boolean;
  readonly sender: boolean;
}

interface Channel {
  /** null: empty. */
  message: readonly [bit: number, value: number] | null;
  lost: number;
}

const MESSAGES = 3;

function alternatingBit(name: string, { losses, receiver, sender }: Variant): Model {
  return {
    name,
    make(world) {
      const channel = (called: string): Channel => world.state.record<Channel>(called, { message: null, lost: 0 });
      const data = channel('data');
      const acknowledgement = channel('acknowledgement');
      const ends = world.state.record('ends', { sent: 0, expected: 0 });
      const log = world.state.record('log', { delivered: 0, wrong: false });
      const take = (from: Channel): readonly [number, number] | null => {
        const { message } = from;
        from.message = null;
        if (message !== null) from.lost = 0;
        return message;
      };
      const sends = function* (): Steps<void> {
        while (ends.sent < MESSAGES) {
          yield at('device', 'send', null);
          data.message = [ends.sent % 2, ends.sent];
          // An answer, or nothing left that could bring one: it has run out of time.
          yield at('wait', 'be answered', null, () => acknowledgement.message !== null || data.message === null);
          const answer = take(acknowledgement);
          if (answer !== null && (!sender || answer[0] === ends.sent % 2)) ends.sent += 1;
        }
      };
      const receives = function* (): Steps<void> {
        for (;;) {
          yield at('wait', 'receive', null, () => data.message !== null);
          const message = take(data);
          if (message !== null && (!receiver || message[0] === ends.expected)) {
            log.wrong ||= message[1] !== log.delivered;
            log.delivered = Math.min(log.delivered + 1, MESSAGES);
            ends.expected = 1 - ends.expected;
          }
          yield { kind: 'device', what: 'answer' };
          acknowledgement.message = [message?.[0] ?? 0, 0];
        }
      };
      const loses = function* (from: Channel): Steps<void> {
        for (;;) {
          yield at('device', 'lose a message', null, () => from.message !== null && from.lost < losses);
          from.message = null;
          if (losses !== Infinity) from.lost += 1;
        }
      };
      return {
        agents: [
          { name: 'sender', steps: sends() },
          { name: 'receiver', steps: receives(), daemon: true },
          { name: 'loss of data', steps: loses(data), daemon: true },
          { name: 'loss of answers', steps: loses(acknowledgement), daemon: true },
        ],
        properties: [
          { kind: 'always', name: IN_ORDER, holds: () => !log.wrong },
          { kind: 'eventually', name: ALL, holds: () => log.delivered === MESSAGES },
        ],
      };
    },
  };
}

export const alternatingBitAnswers = known('K. A. Bartlett, R. A. Scantlebury, P. T. Wilkinson, 1969', [
  {
    model: alternatingBit('alternating bit, not everything is lost', { losses: 2, receiver: true, sender: true }),
    expected: { [IN_ORDER]: proved, [ALL]: proved },
  },
  {
    model: alternatingBit('alternating bit, everything may be lost', { losses: Infinity, receiver: true, sender: true }),
    expected: { [IN_ORDER]: proved, [ALL]: refuted() },
  },
  {
    model: alternatingBit('no alternating bit', { losses: 1, receiver: false, sender: true }),
    expected: { [IN_ORDER]: refuted(6), [ALL]: proved },
  },
  {
    model: alternatingBit('alternating bit, the sender takes any answer', { losses: 1, receiver: true, sender: false }),
    expected: { [IN_ORDER]: proved, [ALL]: refuted() },
  },
]);
