// The files of a package whose imports count.
import { existsSync, readdirSync, realpathSync } from 'node:fs';
import { join, relative } from 'node:path';

export interface SourceFile {
  /** Relative to the workspace root, with "/". */
  readonly file: string;
  /** For a symbolic link: where it really is, relative to the workspace root. */
  readonly link?: string;
}

const SOURCE = /\.[cm]?[jt]sx?$/;
/** Built from sources that are judged themselves. */
const BUILT = new Set(['dist', 'coverage']);

/** Sources in stable order. Links are reported, not followed: a link to another package would be an import without a word. */
export function sourceFiles(root: string, folder: string): SourceFile[] {
  const found: SourceFile[] = [];
  const visit = (path: string): void => {
    for (const entry of readdirSync(join(root, path), { withFileTypes: true }).sort((a, b) => (a.name < b.name ? -1 : 1))) {
      const file = `${path}/${entry.name}`;
      if (entry.name === 'node_modules' || entry.name.startsWith('.') || (path === folder && BUILT.has(entry.name))) continue;
      if (entry.isSymbolicLink()) found.push({ file, link: realPath(root, file) });
      else if (entry.isDirectory()) visit(file);
      else if (SOURCE.test(entry.name)) found.push({ file });
    }
  };
  visit(folder);
  return found;
}

/** The tsconfig files in a folder, relative to the workspace root. `folder` may be "" for the root itself. */
export function tsconfigFiles(root: string, folder: string): string[] {
  const names = existsSync(join(root, folder)) ? readdirSync(join(root, folder)) : [];
  return names.filter((name) => /^(?:ts|js)config.*\.json$/.test(name)).sort().map((name) => (folder === '' ? name : `${folder}/${name}`));
}

function realPath(root: string, file: string): string {
  try {
    return relative(realpathSync(root), realpathSync(join(root, file))).replaceAll('\\', '/');
  } catch {
    return '';
  }
}
