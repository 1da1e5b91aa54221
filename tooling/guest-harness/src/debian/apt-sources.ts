// Which Debian mirror this system uses. The project names no host: a mirror comes from the person ($DEB_BASE) or from
// the system's own apt sources.
import { readFile, readdir } from 'node:fs/promises';
import { join } from 'node:path';
import { GuestError } from '../errors.ts';
import { parseControl } from './control.ts';

/** One `deb` line or deb822 combination: an archive, a suite of it and the components taken. */
export interface AptSource {
  readonly uri: string;
  readonly suite: string;
  readonly components: readonly string[];
  /** The keyring the source is pinned to, where it says so. */
  readonly signedBy?: string;
}

/** Sources of a one-line-style file (`deb [options] uri suite component...`). */
export function parseSourcesList(text: string): AptSource[] {
  const found: AptSource[] = [];
  for (const line of text.split('\n')) {
    const match = /^\s*deb\s+(?:\[([^\]]*)\]\s+)?(\S+)\s+(\S+)\s*([^#]*)/.exec(line);
    if (!match?.[2] || !match[3]) continue;
    const signedBy = /\bsigned-by=(\S+)/i.exec(match[1] ?? '')?.[1];
    found.push({
      uri: match[2],
      suite: match[3],
      components: words(match[4]),
      ...(signedBy === undefined ? {} : { signedBy }),
    });
  }
  return found;
}

/** Sources of a deb822 file (`Types: deb`, `URIs:`, `Suites:`, `Components:`). */
export function parseDeb822Sources(text: string): AptSource[] {
  const found: AptSource[] = [];
  for (const stanza of parseControl(text, ['Types', 'URIs', 'Suites', 'Components', 'Signed-By', 'Enabled'])) {
    if (!words(stanza.get('Types')).includes('deb') || /^(no|false|0|off)$/i.test(stanza.get('Enabled') ?? '')) continue;
    const signedBy = stanza.get('Signed-By');
    const components = words(stanza.get('Components'));
    for (const uri of words(stanza.get('URIs'))) {
      for (const suite of words(stanza.get('Suites'))) {
        found.push({ uri, suite, components, ...(signedBy === undefined ? {} : { signedBy }) });
      }
    }
  }
  return found;
}

function words(text: string | undefined): string[] {
  return (text ?? '').split(/\s+/).filter((word) => word !== '');
}

const SECURITY = /(-security|-updates|-backports|\/updates)$/;

/**
 * The base URI of the Debian archive among `sources`: component main, a plain suite, http or https. A source pinned to
 * Debian's keyring wins over one whose path merely looks like Debian's. Third-party archives reuse Debian's suite
 * names, so a suite name alone proves nothing.
 */
export function debianBase(sources: readonly AptSource[]): string | undefined {
  const plain = sources.filter(
    (source) => /^https?:/.test(source.uri) && source.components.includes('main') && !SECURITY.test(source.suite),
  );
  const chosen =
    plain.find((source) => /debian-archive/.test(source.signedBy ?? '')) ??
    plain.find((source) => /\/debian(\/\d{8}T\d{6}Z)?\/?$/.test(source.uri));
  return chosen?.uri.replace(/\/+$/, '');
}

/** The archive base from `$DEB_BASE`, else from apt's files below `aptDir`. Throws ARCHIVE, saying how to set it. */
export async function findArchiveBase(env: NodeJS.ProcessEnv = process.env, aptDir = '/etc/apt'): Promise<string> {
  if (env.DEB_BASE) return env.DEB_BASE.replace(/\/+$/, '');
  const sources: AptSource[] = [];
  const parts = await readdir(join(aptDir, 'sources.list.d')).catch(() => []);
  for (const file of [...parts.sort().map((part) => join('sources.list.d', part)), 'sources.list']) {
    const parse = file.endsWith('.sources') ? parseDeb822Sources : file.endsWith('.list') ? parseSourcesList : undefined;
    if (parse) sources.push(...parse(await readFile(join(aptDir, file), 'utf8').catch(() => '')));
  }
  const base = debianBase(sources);
  if (base) return base;
  throw new GuestError('ARCHIVE', "no Debian mirror known: set DEB_BASE to one (the folder that holds 'dists' and 'pool')");
}
