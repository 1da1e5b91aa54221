// check-one '{"size": ..., "reduction": true}': checks one size of the yardstick, and prints what was found as JSON.
import { check } from '@siov/explore';
import type { PropertyVerdict } from '@siov/explore';
import { yardstick } from './protocol.ts';
import type { YardstickSize } from './protocol.ts';

export interface CheckOne {
  readonly size: YardstickSize;
  readonly reduction: boolean;
}

export interface Checked {
  readonly states: number;
  readonly transitions: number;
  /** Times the real code was run. */
  readonly learned: number;
  readonly engine: string;
  readonly complete: boolean;
  readonly refuted: readonly RefutedProperty[];
}

export interface RefutedProperty {
  readonly property: string;
  /** Length of the counterexample. */
  readonly steps: number | null;
}

async function checkOne({ size, reduction }: CheckOne): Promise<Checked> {
  const { verdicts, coverage } = await check(yardstick(size), { reduction });
  const { states, transitions, learned, engine, complete } = coverage;
  const refuted = verdicts.filter(({ outcome }) => outcome === 'refuted').map(refutedProperty);
  return { states, transitions, learned, engine, complete, refuted };
}

function refutedProperty({ property, counterexample }: PropertyVerdict): RefutedProperty {
  return { property, steps: counterexample?.steps.length ?? null };
}

process.stdout.write(JSON.stringify(await checkOne(JSON.parse(process.argv[2] ?? '') as CheckOne)));
