// Tables whose inner loop leaves out steps that make no difference, and when that may be done and pays.
import type { CheckOptions } from '../../options.ts';
import { compileKernel, kernelSource } from '../compile/kernel-source.ts';
import type { Choose } from '../compile/kernel-source.ts';
import type { Tables } from '../compile/tables.ts';
import type { Domains } from '../learn/domains.ts';
import type { Judge } from '../learn/judge.ts';
import { Accesses } from './accesses.ts';
import { Stubborn } from './stubborn.ts';
import { partsSeen } from './visible.ts';

export interface Reduction {
  readonly tables: Tables;
  readonly choose: Choose;
}

/** Runs that go on for ever are decided on all states, and a bound of steps is one of all schedules. */
export function mayReduce({ layout, eventually, responds }: Tables, { reduction, limits }: CheckOptions): boolean {
  return reduction !== false && limits?.depth === undefined && eventually.length + responds.length === 0 && layout.slots.length > 1 && layout.slots.length < 32;
}

export function reduce(tables: Tables, judge: Judge, domains: Domains): Reduction {
  const { blocks, layout, context, always } = tables;
  const accesses = new Accesses(blocks, layout, always.flatMap(({ question }) => partsSeen(question, judge, domains)));
  const stubborn = new Stubborn(accesses, layout.slots);
  const source = kernelSource({ ...context, step: (tree, read, { family }) => stubborn.add(accesses.step(tree, read, family)) });
  stubborn.ready();
  return { tables: { ...tables, source, kernel: compileKernel(source) }, choose: (moving, present, steps, at) => stubborn.choose(moving, present, steps, at) };
}

/** So few steps are left out that looking for them costs more. */
export function paysOff(left: number, followed: number): boolean {
  return left > LEAST_LEFT_OUT * (left + followed);
}

const LEAST_LEFT_OUT = 0.4;
