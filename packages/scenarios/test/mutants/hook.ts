// Loaded with `--import` before a mutant's child program: one piece of text of one source file is another when that file is
// loaded. The file itself is never touched; types are stripped by Node, as always.
import { readFileSync } from 'node:fs';
import { registerHooks } from 'node:module';
import { pathToFileURL } from 'node:url';
import { mutantOfArguments } from './child.ts';
import { REPOSITORY, timesIn } from './mutant.ts';

const { name, file, from, to } = mutantOfArguments(process.argv);
const url = pathToFileURL(REPOSITORY + file).href;
let changed = false;

const there = timesIn(readFileSync(REPOSITORY + file, 'utf8'), from);
if (there !== 1) throw new RangeError(`${name}: the text to change is ${there} times in ${file}, and has to be there once`);

registerHooks({
  load(each, context, next) {
    const loaded = next(each, context);
    if (each !== url) return loaded;
    changed = true;
    const source = typeof loaded.source === 'string' ? loaded.source : new TextDecoder().decode(loaded.source);
    // A function, so that no `$` of the text means anything.
    return { ...loaded, source: source.replace(from, () => to) };
  },
});

// A child that never loads the file would tell of the unchanged code.
process.on('exit', () => {
  if (changed) return;
  process.stderr.write(`${name}: ${file} was never loaded\n`);
  process.exitCode = 1;
});
