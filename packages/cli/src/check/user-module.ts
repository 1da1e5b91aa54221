// A user's own module with models: `export const model`, `export const models`, or a default export of either; `expected` says
// what is not to be proved.
import { existsSync } from 'node:fs';
import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Model, Outcome } from '@siov/explore';
import { WrongUsage } from '../errors.ts';

export interface UserModule {
  readonly models: readonly Model[];
  /** By the model's name, then the property's. */
  readonly expected: Readonly<Record<string, Readonly<Record<string, Outcome>>>>;
}

const OUTCOMES: readonly string[] = ['proved', 'refuted', 'not refuted'] satisfies Outcome[];

/** Throws {@link WrongUsage}. */
export async function loadModule(path: string): Promise<UserModule> {
  if (!existsSync(path)) throw new WrongUsage(`${path}: there is no such file`);
  const module = await load(path);
  const exported = module['models'] ?? module['model'] ?? module['default'];
  if (exported === undefined) {
    throw new WrongUsage(`${path} exports no model: \`export const model: Model\`, \`export const models: Model[]\`, or a default export of either`);
  }
  const list = Array.isArray(exported) ? (exported as readonly unknown[]) : [exported];
  if (list.length === 0) throw new WrongUsage(`${path}: its list of models is empty`);
  const models = list.map((each, index) => modelAt(each, `${path}: model ${index + 1}`));
  const twice = models.find(({ name }, index) => models.findIndex((each) => each.name === name) !== index);
  if (twice !== undefined) throw new WrongUsage(`${path}: two models have the name ${twice.name}`);
  return { models, expected: expectedOf(module['expected'] ?? {}, path, models) };
}

async function load(path: string): Promise<Readonly<Record<string, unknown>>> {
  try {
    return (await import(pathToFileURL(resolve(path)).href)) as Readonly<Record<string, unknown>>;
  } catch (error) {
    throw new WrongUsage(`cannot load ${path}: ${error instanceof Error ? error.message : String(error)}`, { cause: error });
  }
}

function modelAt(value: unknown, at: string): Model {
  const { name, make } = (value ?? {}) as Partial<Model>;
  if (typeof name !== 'string' || name === '') throw new WrongUsage(`${at} is none: a model has a name`);
  if (typeof make !== 'function') throw new WrongUsage(`${at} (${name}) is none: a model has a function make`);
  return value as Model;
}

function expectedOf(value: unknown, path: string, models: readonly Model[]): UserModule['expected'] {
  const expected = value as UserModule['expected'];
  for (const [model, properties] of Object.entries(expected)) {
    if (!models.some(({ name }) => name === model)) {
      throw new WrongUsage(`${path}: expected.${model}: there is no such model; there are ${models.map(({ name }) => name).join(', ')}`);
    }
    for (const [property, outcome] of Object.entries(properties)) {
      if (!OUTCOMES.includes(outcome)) {
        throw new WrongUsage(`${path}: expected.${model}: ${property} ${outcome}: an outcome is one of ${OUTCOMES.join(', ')}`);
      }
    }
  }
  return expected;
}
