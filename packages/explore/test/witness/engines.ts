// The ways a model can be checked, and what each is asked. About runs only the engine that learns before is asked; it leaves
// steps out only where it is not. It may say that a model is not for it.
import { check } from '../../src/index.ts';
import type { CheckOptions, Model } from '../../src/index.ts';
import { disagreements } from './disagreements.ts';
import type { Answer } from './enumerate.ts';
import { Run } from './run.ts';

export interface Way {
  readonly name: string;
  readonly options: CheckOptions;
  /** Nothing is asked about runs. */
  readonly statesOnly: boolean;
}

export const ways: readonly Way[] = [
  { name: 'auto', options: {}, statesOnly: false },
  { name: 'tables', options: { engine: 'tables' }, statesOnly: true },
  { name: 'tables without reduction', options: { engine: 'tables', reduction: false }, statesOnly: true },
  { name: 'lazy', options: { engine: 'lazy' }, statesOnly: true },
  { name: 'lazy without reduction', options: { engine: 'lazy', reduction: false }, statesOnly: true },
];

/** The model as that way can check it. */
function fit(model: Model, { statesOnly }: Way): Model {
  if (!statesOnly) return model;
  return {
    name: model.name,
    make(world) {
      const machine = model.make(world);
      return { ...machine, properties: machine.properties.filter(({ kind }) => kind === 'always' || kind === 'rest') };
    },
  };
}

/** How the check differs from the answers, in sentences; null: there are no tables. */
export async function disagreementsOf(model: Model, answers: ReadonlyMap<string, Answer>, way: Way): Promise<string[] | null> {
  const fitting = fit(model, way);
  const left = new Set(new Run(fitting).properties.map(({ name }) => name));
  const dropped = new Run(model).properties.filter(({ name }) => !left.has(name)).map(({ name }) => name);
  const asked = new Map([...answers].filter(([name]) => !dropped.includes(name)));
  try {
    return disagreements(fitting, asked, await check(fitting, { ...way.options, limits: { seconds: 60 } }));
  } catch (error) {
    const noTables = error instanceof RangeError && error.message.startsWith(`${model.name} has no tables: `);
    if (way.options.engine === 'tables' && noTables) return null;
    throw error;
  }
}
