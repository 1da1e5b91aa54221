// A search that a limit ended, in a file: a line of JSON, then all states as they are in memory.
import { ModelError } from '@siov/base';
import { createHash } from 'node:crypto';
import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import type { Tables } from '../compile/tables.ts';
import type { Finding, Searched } from './breadth-first.ts';

interface Header {
  readonly format: typeof FORMAT;
  readonly model: string;
  /** Of the first tables that were made of the model, and of those that were searched. */
  readonly first: string;
  readonly tables: string;
  readonly words: number;
  /** Below it are numbers of states; from `from` on they have to be gone on from. */
  readonly taken: number;
  readonly from: number;
  readonly end: number;
  readonly levels: readonly number[];
  readonly transitions: number;
  readonly findings: readonly Finding[];
}

const FORMAT = 'siov explore checkpoint 1';

export class Checkpoint {
  readonly header: Header;
  readonly states: Int32Array;
  readonly #path: string;

  constructor(path: string, header: Header, states: Int32Array) {
    this.#path = path;
    this.header = header;
    this.states = states;
  }

  /** What is in the file; null: there is none. */
  static read(path: string): Checkpoint | null {
    if (!existsSync(path)) return null;
    const bytes = readFileSync(path);
    const end = bytes.indexOf('\n');
    const header = headerOf(path, bytes.subarray(0, Math.max(end, 0)).toString());
    const states = bytes.subarray(end + 1);
    if (states.length !== header.taken * header.words * 4) throw new ModelError(`checkpoint ${path} is not whole: ${states.length} bytes of states`);
    // Words have to be aligned, which the file's are not.
    return new Checkpoint(path, header, new Int32Array(new Uint8Array(states).buffer));
  }

  /** Throws ModelError where it is of another model than the one whose first tables have that digest. */
  check(first: string): void {
    if (this.header.first !== first) throw new ModelError(`checkpoint ${this.#path} is of another model, or ${this.header.model} has changed since`);
  }

  /** Whether its states are states of these tables. */
  of(tables: Tables): boolean {
    return this.header.tables === digestOf(tables);
  }
}

export function writeCheckpoint(path: string, model: string, first: string, tables: Tables, searched: Searched): void {
  const { table, levels, transitions, from, end } = searched;
  const { words } = tables.layout;
  const { taken, states } = table;
  const findings = [...searched.findings.values()];
  const header: Header = { format: FORMAT, model, first, tables: digestOf(tables), words, taken, from, end, levels, transitions, findings };
  const used = states.subarray(0, taken * words);
  const unfinished = `${path}.part`;
  writeFileSync(unfinished, `${JSON.stringify(header)}\n`);
  writeFileSync(unfinished, new Uint8Array(used.buffer, used.byteOffset, used.byteLength), { flag: 'a' });
  renameSync(unfinished, path);
}

export function digestOf({ source, layout, always, rest }: Tables): string {
  const hash = createHash('sha256').update(source).update(layout.initial).update(layout.slots.map(({ name }) => name).join());
  return hash.update([...always, ...rest].map(({ property }) => property.name).join()).digest('hex');
}

function headerOf(path: string, line: string): Header {
  try {
    const header = JSON.parse(line) as Header;
    if (header.format === FORMAT) return header;
  } catch {
    // Said below: it is no checkpoint either way.
  }
  throw new ModelError(`${path} is no checkpoint`);
}
