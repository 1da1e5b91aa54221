// Counterexamples as files: for replay, or as a diagram or a trace of another tool, by the file's ending.
import { accessSync, constants, writeFileSync } from 'node:fs';
import { dirname, relative, resolve, sep } from 'node:path';
import { counterexampleMermaid, counterexampleSvg, itf, traceFile } from '@siov/explore';
import type { CellValue, Counterexample } from '@siov/explore';
import { WrongUsage } from '../errors.ts';
import type { Shown } from './conclusion.ts';
import { describedOptions } from './subject.ts';
import type { Recipe } from './subject.ts';

const FORMATS: readonly { readonly ending: string; readonly text: (counterexample: Counterexample) => string }[] = [
  { ending: '.mmd', text: counterexampleMermaid },
  { ending: '.svg', text: counterexampleSvg },
  { ending: '.itf.json', text: itf },
];

/** Before a minute's work. Throws {@link WrongUsage}. */
export function checkWritable(path: string): void {
  try {
    accessSync(dirname(resolve(path)), constants.W_OK);
  } catch (error) {
    throw new WrongUsage(`cannot write the trace to ${path}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`, { cause: error });
  }
}

/** The first to `path`, each other one beside it, with its model and property in the name. Returns the paths. */
export function writeTraces(path: string, all: readonly Shown[]): string[] {
  return all.map((shown, index) => {
    const to = index === 0 ? path : beside(path, shown.counterexample);
    try {
      writeFileSync(to, textOf(shown, to));
    } catch (error) {
      throw new WrongUsage(`cannot write the trace to ${to}: ${(error as NodeJS.ErrnoException).code ?? String(error)}`, { cause: error });
    }
    return to;
  });
}

function textOf({ subject, counterexample }: Shown, path: string): string {
  const format = FORMATS.find(({ ending }) => path.endsWith(ending));
  if (format !== undefined) return format.text(counterexample);
  const { name, module } = subject.recipe;
  // Seen from the file: the two can be moved, or be in a repository, together.
  const options = { ...describedOptions(subject), ...(module === null ? {} : { module: relative(dirname(resolve(path)), resolve(module)).split(sep).join('/') }) };
  return traceFile(counterexample, { model: name, options });
}

function beside(path: string, { model, property }: Counterexample): string {
  const ending = FORMATS.find((each) => path.endsWith(each.ending))?.ending ?? /\.[^./\\]*$/u.exec(path)?.[0] ?? '';
  const name = `${model} ${property}`.replaceAll(/[^A-Za-z0-9]+/gu, '-').replaceAll(/^-|-$/gu, '');
  return `${path.slice(0, path.length - ending.length)}.${name}${ending}`;
}

/** How the model of a trace file is made again. `module`: given by the user, instead of what the file says. */
export function recipeOf(path: string, source: { readonly model: string; readonly options: CellValue }, module: string | undefined): Recipe {
  const { options } = source;
  const recorded = typeof options === 'object' && options !== null && !Array.isArray(options) ? (options as Readonly<Record<string, CellValue>>)['module'] : undefined;
  if (module !== undefined) return { name: source.model, module };
  return { name: source.model, module: typeof recorded === 'string' ? resolve(dirname(path), recorded) : null };
}
