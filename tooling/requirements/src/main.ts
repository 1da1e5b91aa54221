#!/usr/bin/env node
// requirements [--write]: holds docs/requirements.md against the tests and comments that name a demand of the review, or
// writes it anew.
import { readFileSync, writeFileSync } from 'node:fs';
import { DEMANDS } from './demands.ts';
import { renew, same, unshown } from './page.ts';
import { scan } from './scan.ts';

const root = new URL('../../..', import.meta.url).pathname;
const file = `${root}docs/requirements.md`;
const [mode] = process.argv.slice(2);

const evidence = scan(root);
const page = readFileSync(file, 'utf8');
const made = renew(page, DEMANDS, evidence);
const problems = unshown(DEMANDS, evidence);
if (mode === '--write') writeFileSync(file, made);
else if (mode !== undefined) problems.push(`unknown option ${mode}; usage: requirements [--write]`);
else if (!same(page, made)) problems.push('docs/requirements.md is not up to date: pnpm run requirements --write');
for (const problem of problems) process.stderr.write(`${problem}\n`);
process.exitCode = problems.length > 0 ? 1 : 0;
