// All that the search needs of one model: the layout of its states, its inner loop, and its properties as trees over states.
import type { Property } from '../../model.ts';
import type { Judge, Question } from '../learn/judge.ts';
import type { Learned } from '../learn/learner.ts';
import type { Blocks } from '../shape/blocks.ts';
import { get, layOut } from '../shape/layout.ts';
import type { Layout } from '../shape/layout.ts';
import { minimise } from '../shape/minimise.ts';
import type { AgentContext } from './agent-source.ts';
import { compileKernel, kernelSource } from './kernel-source.ts';
import type { Kernel } from './kernel-source.ts';
import { VerdictTree } from './verdict-tree.ts';

export interface Asking {
  readonly property: Property;
  readonly question: Question;
  readonly tree: VerdictTree;
  /** Of `always`: its bit in what a step touches. */
  readonly bit: number;
}

export interface Tables {
  readonly blocks: Blocks;
  readonly layout: Layout;
  readonly context: AgentContext;
  readonly source: string;
  readonly kernel: Kernel;
  readonly always: readonly Asking[];
  readonly rest: readonly Asking[];
  /** Of `eventually`: whether it holds. */
  readonly eventually: readonly Asking[];
  readonly responds: readonly { readonly property: Extract<Property, { kind: 'responds' }>; readonly asked: VerdictTree; readonly answered: VerdictTree }[];
}

/** A predicate reads a cell that it was not known to read: tables are made again with it. */
export class MoreIsRead extends Error {}

export function buildTables(learned: Learned, judge: Judge): Tables {
  const looked = new Set(judge.questions.flatMap(({ reads }) => [...reads]));
  const { blocks, cells } = minimise(learned, looked);
  const layout = layOut(learned, { blocks, cells });
  const treeOf = (question: Question) => new VerdictTree((words, at) => ask(learned, judge, layout, question, words, at));
  const asking = (kind: Property['kind']) =>
    judge.questions.filter(({ property }) => property.kind === kind).map((question, index) => ({
      property: question.property,
      question,
      tree: treeOf(question),
      bit: 1 << Math.min(index, LAST_BIT),
    }));
  const always = asking('always');
  const touched = ({ writes }: { readonly writes: readonly (readonly [number, number])[] }) =>
    always.reduce((bits, { question, bit }) => (writes.some(([cell]) => question.reads.has(cell)) ? bits | bit : bits), 0);
  const context: AgentContext = { layout, blocks, touched };
  const source = kernelSource(context);
  const responds = judge.properties.flatMap((property) =>
    property.kind === 'responds' ? [{ property, asked: treeOf(judge.question(property, 'when')), answered: treeOf(judge.question(property, 'then')) }] : []);
  return { blocks, layout, context, source, kernel: compileKernel(source), always, rest: asking('rest'), eventually: asking('eventually'), responds };
}

/** Properties beyond it share the last bit. */
const LAST_BIT = 30;

function ask(learned: Learned, judge: Judge, layout: Layout, question: Question, words: Int32Array, at: number) {
  const { domains } = learned.book;
  const known = question.reads.size;
  const { reads, readCodes, violation } = judge.ask(question, (cell) => {
    const field = layout.cells.get(cell);
    if (field === undefined && domains.size(cell) > 1) {
      question.reads.add(cell);
      return 0;
    }
    return field === undefined ? 0 : get(words, field, at);
  });
  if (question.reads.size > known) throw new MoreIsRead(question.property.name);
  const packed = reads.flatMap((cell, index) => {
    const field = layout.cells.get(cell);
    return field === undefined ? [] : [{ ...field, values: domains.size(cell), code: readCodes[index] as number }];
  });
  return { fields: packed, codes: packed.map(({ code }) => code), holds: violation === null };
}
