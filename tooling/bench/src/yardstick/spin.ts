// Spin on the yardstick: generates the verifier, compiles it and lets it search, each measured for itself.
import { fileURLToPath } from 'node:url';
import { measured } from './measure.ts';
import type { Cost } from './measure.ts';
import type { YardstickSize } from './protocol.ts';

export interface SpinOptions {
  /** Partial order reduction. */
  readonly reduction: boolean;
  readonly optimise: '-O0' | '-O2';
  /** Two to this power are the slots of the hash table; Spin's own choice unless said. */
  readonly hashBits?: number;
  /** Goes on after an error, until everything was seen. */
  readonly everyError?: boolean;
}

export interface Found {
  readonly states: number;
  readonly transitions: number;
  readonly errors: number;
}

export interface SpinRun extends Found {
  readonly generate: Cost;
  readonly compile: Cost;
  readonly search: Cost;
}

const PROTOCOL = fileURLToPath(new URL('protocol.pml', import.meta.url));

/** In `directory`, which it fills with its files. */
export async function runSpin(directory: string, size: YardstickSize, options: SpinOptions): Promise<SpinRun> {
  const generate = await measured(directory, 'spin', ['-a', ...macros(size), PROTOCOL]);
  const reduction = options.reduction ? [] : ['-DNOREDUCE'];
  const compile = await measured(directory, 'gcc', [options.optimise, '-w', '-DSAFETY', ...reduction, '-o', 'pan', 'pan.c']);
  const search = await measured(directory, './pan', verifierOptions(options));
  return { ...readPan(search.output), generate: costOf(generate), compile: costOf(compile), search: costOf(search) };
}

function verifierOptions({ hashBits, everyError = false }: SpinOptions): string[] {
  return [...(hashBits === undefined ? [] : [`-w${hashBits}`]), ...(everyError ? ['-c0'] : [])];
}

/** A table with a slot for each state at least, and not twice as many as needed: a larger one was no faster. */
export function hashBitsFor(states: number): number {
  return Math.max(Math.ceil(Math.log2(states)), SMALLEST_TABLE);
}

const SMALLEST_TABLE = 10;

function macros({ guests, interrupts, queues = 1, variant }: YardstickSize): string[] {
  return [`-DG=${guests}`, `-DN=${interrupts}`, `-DM=${queues}`, `-D${variant.toUpperCase()}`];
}

function costOf({ seconds, cpu, memory }: Cost): Cost {
  return { seconds, cpu, memory };
}

/** What a verifier prints. A search that ended without an error and before its end is none. */
export function readPan(output: string): Found {
  const number = (pattern: RegExp) => {
    const [, digits] = pattern.exec(output) ?? [];
    if (digits === undefined) throw new Error(`The verifier did not say ${pattern.source}: ${output}`);
    return Number(digits);
  };
  const errors = number(/errors: (\d+)/u);
  const early = /Search not completed|max search depth too small/u.test(output);
  if (early && errors === 0) throw new Error(`The verifier did not see everything: ${output}`);
  return { errors, states: number(/([\d.e+]+) states, stored/u), transitions: number(/([\d.e+]+) transitions/u) };
}
