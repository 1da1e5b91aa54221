import { describe, expect, test } from 'vitest';
import { fail, IdAllocator, ok, runToCompletion } from '../src/index.ts';
import type { Result, Steps } from '../src/index.ts';
import { askedIn, ObservedState, SweepRun, takes, takesNothing } from '../src/testing.ts';
import type { GrowthRule, SweepTable } from '../src/testing.ts';

/** What a seat in a cinema takes: a number and a ticket. `leaks` says what booking forgets. */
class Cinema {
  readonly #state: ObservedState;
  readonly #seats: IdAllocator;
  readonly #tickets: Map<number, { shown: boolean }>;
  readonly #doors: { opened: number };
  readonly #leaks: string;
  lamps = 0;

  constructor(state: ObservedState, leaks = '') {
    this.#state = state;
    this.#leaks = leaks;
    this.#seats = new IdAllocator(state, 'seats', { first: 1, end: 4 });
    this.#tickets = state.map('tickets');
    this.#doors = state.record('doors', { opened: 0 });
  }

  *book(): Steps<Result<number, 'ENOSPC' | 'ENOMEM'>> {
    if (this.#leaks === 'lamps') this.lamps += 1;
    if (this.#leaks === 'door') this.#doors.opened += 1;
    const seat = this.#seats.alloc();
    if (!seat.ok) return this.#leaks === 'throws' ? missing() : seat;
    if (!this.#state.grant('ticket')) {
      if (this.#leaks === 'ignores') return ok(0);
      if (this.#leaks !== 'seat') this.#seats.free(seat.value);
      return fail('ENOMEM', 'no paper');
    }
    this.#tickets.set(seat.value, { shown: false });
    return ok(seat.value);
  }

  leave(seat: number): void {
    this.#tickets.delete(seat);
    this.#seats.free(seat);
  }

  doors(): { close(): void } {
    return { close: () => { this.#doors.opened = 0; } };
  }
}

function missing(): never {
  throw new Error('no seat');
}

const make = (leaks?: string) => (state: ObservedState) => {
  const cinema = new Cinema(state, leaks);
  return { state, cinema, run: runToCompletion, outside: () => cinema.lamps };
};
const book = (leaks?: string) => takes(make(leaks), ({ cinema }) => cinema.book());
const leave = takesNothing('gives back', make(), ({ cinema }) => { runToCompletion(cinema.book()); cinema.leave(1); });

const table: SweepTable = {
  'new Cinema': takesNothing('a house', (state) => ({ state, run: runToCompletion }), ({ state }) => new Cinema(state)),
  'Cinema.book': book(),
  'Cinema.leave': takesNothing('gives back'),
  'Cinema.doors': takesNothing('a view', make(), ({ cinema }) => cinema.doors()),
  'doors().close': takesNothing('a door'),
  'Cinema.doors().close': takesNothing('a door'),
};
const rules: readonly GrowthRule[] = [[/^tickets$/, { resource: 'ticket' }], [/^new /, { none: 'comes with the house' }]];

describe('a sweep', () => {
  test('tells what a clean call asks for and what grows with it', () => {
    expect(book()('book')).toMatchObject({ requests: ['seats', 'ticket'], growth: [{ name: 'ids/seats/count', by: 1 }, { name: 'tickets', by: 1 }] });
  });

  test.each([
    ['seat', /request 2 \(ticket\) refused .*: ids\/seats\/bitmap0, ids\/seats\/count changed/],
    ['door', /request 1 \(seats\) refused .*: doors changed/],
    ['lamps', /request 1 \(seats\) refused .*: what is outside the state port changed/],
    ['ignores', /request 2 \(ticket\) refused: the call succeeds all the same/],
    ['throws', /request 1 \(seats\) refused: the call throws/],
  ])('reports a call that leaks or ignores a refusal: %s', (leaks, message) => {
    expect(() => book(leaks)('book')).toThrow(message);
  });

  test('a call may leave what it is said to leave, and nothing else', () => {
    const closing = (leaves: RegExp) => takes(make('door'), ({ cinema }) => { cinema.doors().close(); return cinema.book(); }, { leaves: [leaves, 'open'] });
    expect(closing(/^doors$/)('book').requests).toEqual(['seats', 'ticket']);
    expect(() => closing(/^ids/)('book')).toThrow(/doors changed/);
  });

  test('reports a failed call after which the next one finds less', () => {
    const forgetful = takes((state) => ({ cinema: new Cinema(state), run: runToCompletion, lost: 0, state }), (machine) => {
      const done = runToCompletion(machine.cinema.book());
      if (!done.ok) machine.lost += 1;
      else machine.state.record('lost', { seats: machine.lost });
      return done;
    });
    expect(() => forgetful('book')).toThrow(/then made again: lost \(\{seats:1\}, not \{seats:0\}\) is not as after a call that never failed/);
  });

  test('a call that does with less has to fail when nothing is left', () => {
    const one = (machine: ReturnType<ReturnType<typeof make>>, less: boolean) => {
      const done = runToCompletion(machine.cinema.book());
      return done.ok || less ? done : runToCompletion(machine.cinema.book());
    };
    expect(() => takes(make(), (machine) => one(machine, false))('book')).toThrow(/succeeds all the same/);
    expect(takes(make(), (machine) => one(machine, false), { doesWithLess: true })('book').requests).toEqual(['seats', 'ticket']);
    expect(() => takes(make('ignores'), ({ cinema }) => cinema.book(), { doesWithLess: false })('book')).toThrow(/succeeds all the same/);
  });

  test('a call said to take nothing is held to it', () => {
    expect(() => takesNothing('it is free', make(), ({ cinema }) => cinema.book())('book')).toThrow(/takes nothing, because it is free: but it asks for seats/);
    expect(() => leave('leave')).toThrow();
  });
});

describe('a table of calls', () => {
  const { 'doors().close': _unknown, ...exact } = table;

  test('names calls without a row and rows without a call, down to what calls return', () => {
    const cinema = new Cinema(new ObservedState());
    expect(new SweepRun(exact).uncovered({ Cinema }, [cinema])).toEqual({ missing: [], unknown: [] });
    const { 'Cinema.book': _book, 'Cinema.doors().close': _close, ...short } = table;
    expect(new SweepRun(short).uncovered({ Cinema }, [cinema])).toEqual({ missing: ['Cinema.book', 'Cinema.doors().close'], unknown: ['doors().close'] });
    expect(() => new SweepRun(exact).uncovered({ Cinema }, [])).toThrow(/nobody made a Cinema/);
  });

  test('names resources that no call was refused, in the run and in the sources', () => {
    const sources = askedIn('a.ts', [
      "state.grant('ticket');",
      'new IdAllocator(state, `${name}ats`, {});',
      "for (const each of ['popcorn', 'seats']) state.grant(each);",
      'state.grant(this.#name);',
    ].join('\n'));
    expect(new SweepRun(exact).neverRefused(sources, { 'a.ts': /^ticket$/ })).toEqual(['a.ts:3']);
    expect(new SweepRun(exact).neverRefused(sources)).toEqual(['a.ts:3', 'a.ts:4']);
    const early = takes((state) => { state.grant('a roof'); return make()(state); }, ({ cinema }) => cinema.book());
    expect(new SweepRun({ 'Cinema.book': early }).neverRefused([])).toEqual(['a roof']);
  });

  test('names what grows without being asked for, and rules that nothing needs', () => {
    expect(new SweepRun(exact).unasked(rules)).toEqual({ grown: [], idle: [] });
    const wide = takes(make(), ({ cinema, state }) => { state.map('tickets 1'); state.map('tickets 2'); return cinema.book(); });
    expect(new SweepRun({ wide }).unasked([[/tickets/, { resource: 'ticket' }]]).grown).toEqual(['wide: new tickets 2 by 2']);
    expect(new SweepRun({ wide }).unasked([[/tickets/, { none: 'wide is so' }, /^wide$/], [/^y$/, { none: '' }, /^x$/]])).toEqual({ grown: [], idle: ['/^y$/'] });
    expect(new SweepRun(exact).unasked([[/^tickets$/, { resource: 'paper' }], [/^new /, { none: 'the house' }], [/^x$/, { none: '' }]])).toEqual({
      grown: ['Cinema.book: tickets by 1'],
      idle: ['/^x$/'],
    });
  });
});
