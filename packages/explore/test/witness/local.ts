// What an agent still knows at a point. An agent's state is all it has read since it began; one that loops says at the head
// of the loop what of it can still make a difference, and the witness forgets the rest.
import type { Point, PointKind, Steps } from '@siov/base';

const declared = new WeakMap<Point, string>();

/**
 * A point at which `local` is all that counts of what the agent did before. Where it is nothing, that is said to everybody;
 * else it says nothing to anybody but the witness.
 */
export function at(kind: PointKind, what: string, local: unknown, ready?: () => boolean): Point {
  const here: Point = { kind, what, ...(ready === undefined ? {} : { ready }), ...(local === null ? { anew: true } : {}) };
  declared.set(here, JSON.stringify(local));
  return here;
}

/** The same steps; where they forget something, `local` is still known, and polls say it: each time round it is another loop. */
export function* remembering<T>(local: string | number, steps: Steps<T>): Steps<T> {
  for (;;) {
    const next = steps.next();
    if (next.done === true) return next.value;
    const { kind, what, ready } = next.value;
    const inner = declared.get(next.value);
    yield inner === undefined ? next.value : at(kind, kind === 'poll' ? `${what}, ${String(local)}` : what, [local, inner], ready);
  }
}

/** The same steps; where they forget something, what is still known is told to everybody, as part of what happens next. */
export function* telling<T>(steps: Steps<T>): Steps<T> {
  for (;;) {
    const next = steps.next();
    if (next.done === true) return next.value;
    const { kind, what, ready } = next.value;
    const local = declared.get(next.value);
    yield local === undefined ? next.value : at(kind, `${what} ${local}`, null, ready);
  }
}

/** What was declared there; undefined: nothing. */
export function localAt(point: Point): string | undefined {
  return declared.get(point);
}
