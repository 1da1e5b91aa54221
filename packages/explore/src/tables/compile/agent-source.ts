// JavaScript for one agent's next step: decision trees as switches over bit fields, each outcome an AND and an OR a word.
import type { Blocks, BlockLeaf, BlockTree } from '../shape/blocks.ts';
import type { Layout, Slot } from '../shape/layout.ts';

/** What a leaf's writes touch, as a bit for each question that has to be asked anew. */
export type Touched = (leaf: BlockLeaf) => number;

export interface AgentContext {
  readonly layout: Layout;
  readonly blocks: Blocks;
  readonly touched: Touched;
  /** Numbers what a step does after having read those cells; it is left in `steps`. Absent: nobody wants to know. */
  readonly step?: (tree: BlockTree, read: ReadonlySet<number>, slot: Slot) => number;
}

/**
 * `agent3(w0, w1, at)`: writes the state after the agent's next step to `next[at..]` and returns where the next one goes; returns
 * `at` when it waits. `threw`, `missed`: the slot that threw, that was
 * not learned; `full`: the family that has no free slot; `looked`: nothing
 * changed; `spun`: but the agent is at another place that is as good.
 */
export function agentSource(slot: Slot, context: AgentContext): string {
  const { layout, blocks } = context;
  const words = wordNames(layout);
  const writer = new AgentWriter(slot, context);
  const cases = (blocks.ofFamily[slot.family.number] ?? []).map(({ number, tree }) => ({ number, body: writer.tree(tree, new Set(), number) }));
  const moving = cases.filter(({ body }) => body !== STAY);
  const name = `agent${slot.number}`;
  const large = moving.reduce((sum, { body }) => sum + body.length, 0) > LARGEST_FUNCTION;
  const parts = large ? moving.map(({ number, body }) => `function ${name}_${number}(${words}, at) {\n${body}\n}`) : [];
  const body = moving.map(({ number, body: own }) => `case ${number}: ${large ? `return ${name}_${number}(${words}, at);` : `{ ${own} }`}`);
  return `${parts.join('\n')}\nfunction ${name}(${words}, at) {\nswitch (${fieldSource(slot.field)}) {\n${body.join('\n')}\n}\nreturn at;\n}`;
}

export function wordNames({ words }: Pick<Layout, 'words'>): string {
  return Array.from({ length: words }, (_, word) => `w${word}`).join(', ');
}

export function fieldSource({ word, shift, mask }: Slot['field'], prefix = 'w'): string {
  return shift === 0 ? `${prefix}${word} & ${mask}` : `${prefix}${word} >>> ${shift} & ${mask}`;
}

/** Larger functions are not optimised by the engine that runs them. */
const LARGEST_FUNCTION = 24_000;
const STAY = 'return at;';
const LOOK = 'looked = 1; return at;';

class AgentWriter {
  readonly #slot: Slot;
  readonly #context: AgentContext;

  constructor(slot: Slot, context: AgentContext) {
    this.#slot = slot;
    this.#context = context;
  }

  /** `known`: cells whose value is known on this way. */
  tree(tree: BlockTree, known: ReadonlySet<number>, block: number): string {
    const { step } = this.#context;
    const note = tree.kind === 'branch' || step === undefined ? '' : `steps[${this.#slot.number}] = ${step(tree, known, this.#slot)}; `;
    if (tree.kind === 'leaf') return note + this.#leaf(tree, known, block);
    if (tree.kind !== 'branch') return note + { stay: STAY, look: LOOK, unknown: `missed = ${this.#slot.number}; return at;` }[tree.kind];
    const field = this.#context.layout.cells.get(tree.cell);
    if (field === undefined) return this.tree(tree.children[0] as BlockTree, known, block);
    const children = tree.children.map((child) => this.tree(child, new Set(known).add(tree.cell), block));
    const by = new Map<string, number[]>();
    for (const [code, child] of children.entries()) by.set(child, [...(by.get(child) ?? []), code]);
    if (by.size === 1) return children[0] as string;
    const [last, ...others] = [...by].toSorted((one, other) => other[1].length - one[1].length).map(([body, codes]) => ({ body, codes }));
    if (others.length === 1 && others[0]?.codes.length === 1) return `if ((${fieldSource(field)}) === ${others[0].codes[0]}) { ${others[0].body} } ${last?.body}`;
    const cases = others.map(({ body, codes }) => `${codes.map((code) => `case ${code}:`).join(' ')} { ${body} }`);
    return `switch (${fieldSource(field)}) { ${cases.join('\n')} } ${last?.body}`;
  }

  #leaf(leaf: BlockLeaf, known: ReadonlySet<number>, block: number): string {
    const { layout, touched } = this.#context;
    if (leaf.threw !== null) return `threw = ${this.#slot.number}; return at;`;
    const masks = Array.from({ length: layout.words }, () => ({ and: -1, or: 0 }));
    const set = ({ word, shift, mask }: Slot['field'], code: number) => {
      const change = masks[word] as { and: number; or: number };
      change.and &= ~(mask << shift);
      change.or |= code << shift;
    };
    for (const [cell, code] of leaf.writes) {
      const field = layout.cells.get(cell);
      if (field !== undefined) set(field, code);
    }
    if (leaf.next !== block) set(this.#slot.field, leaf.next ?? this.#slot.ended);
    const values = masks.map(({ and, or }, word) => changeSource(`w${word}`, and, or));
    const spawns = leaf.spawns.filter((spawn) => spawn.block !== null);
    const flag = `touched[at / ${layout.words} | 0] = ${touched(leaf)};`;
    const done = `${flag} return at + ${layout.words};`;
    const changed = store(values.map((_, word) => `n${word}`));
    if (spawns.length > 0) return `${declare(values)} ${spawns.map((spawn) => this.#spawn(spawn)).join(' ')} ${changed} ${done}`;
    const mayStay = leaf.next === block && leaf.writes.every(([cell]) => !known.has(cell));
    if (!mayStay) return `${store(values)} ${done}`;
    const back = leaf.moves ? '{ spun = 1; looked = 1; return at; }' : `{ ${LOOK} }`;
    if (values.every((value, word) => value === `w${word}`)) return back;
    const same = values.flatMap((value, word) => (value === `w${word}` ? [] : [`n${word} === w${word}`]));
    return `${declare(values)} if (${same.join(' && ')}) ${back} ${changed} ${done}`;
  }

  /** In the first slot that is free; its own is when it ends with this step. */
  #spawn({ family, block }: BlockLeaf['spawns'][number]): string {
    const chain = (this.#context.layout.slotsOf[family.number] ?? []).map(({ field, ended }) => {
      const { word, shift, mask } = field;
      return `if ((${fieldSource(field, 'n')}) === ${ended}) n${word} = n${word} & ${~(mask << shift)} | ${(block as number) << shift};`;
    });
    return [...chain, `{ full = ${family.number}; return at; }`].join(' else ');
  }
}

function changeSource(word: string, and: number, or: number): string {
  const kept = and === -1 ? word : `${word} & ${and}`;
  return or === 0 ? kept : `${kept} | ${or}`;
}

function declare(values: readonly string[]): string {
  return `let ${values.map((value, word) => `n${word} = ${value}`).join(', ')};`;
}

function store(values: readonly string[]): string {
  return values.map((value, word) => `next[at${word === 0 ? '' : ` + ${word}`}] = ${value};`).join(' ');
}
