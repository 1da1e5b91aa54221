// What a step did otherwise than the same step before, as a sentence: agents have to be deterministic.
import { plain } from '../../run/run.ts';
import type { Leaf } from './behaviour.ts';
import type { Book } from './book.ts';

export function differenceBetween(known: Leaf, now: Leaf, book: Book): string | null {
  if (known.blocked !== now.blocked) return 'it waits one time and not the other, having read the same';
  if (known.threw !== now.threw) return `it throws "${known.threw ?? 'nothing'}" one time and "${now.threw ?? 'nothing'}" the other, having read the same`;
  for (const cell of new Set([...known.writes, ...now.writes])) {
    const [before, after] = [known, now].map((leaf) => writtenTo(leaf, cell, book)) as [string, string];
    if (before !== after) return `it writes ${before} to ${book.cells.name(cell)} one time and ${after} the other, having read the same`;
  }
  if (known.next !== now.next) return `it goes on to ${whereTo(known)} one time and to ${whereTo(now)} the other, having read the same`;
  return spawnsOf(known) === spawnsOf(now) ? null : 'it starts other agents, having read the same';
}

function spawnsOf({ spawns }: Leaf): string {
  return spawns.map(({ place }) => place?.number).join();
}

function writtenTo(leaf: Leaf, cell: number, book: Book): string {
  const at = leaf.writes.indexOf(cell);
  if (at < 0) return 'nothing';
  const value = book.values.at(book.domains.value(cell, leaf.writeCodes[at] as number));
  return JSON.stringify(plain(value), (_key, each: unknown) => (typeof each === 'bigint' ? `${each}n` : each));
}

function whereTo(leaf: Leaf): string {
  return leaf.next === null ? 'its end' : `${leaf.next.kind} ${leaf.next.what}`;
}
