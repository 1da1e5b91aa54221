// What the text of an import means, before anybody asks whether it is allowed.
import { isBuiltin } from 'node:module';

export type Target =
  | { readonly kind: 'builtin' }
  /** `./x`, `../x`: the path as the resolver sees it. */
  | { readonly kind: 'relative'; readonly path: string }
  /** `#x`: an entry of the package's own `imports` map. */
  | { readonly kind: 'alias'; readonly key: string }
  | { readonly kind: 'package'; readonly name: string; readonly subpath: string }
  /** An absolute path or a URL. */
  | { readonly kind: 'elsewhere' };

export function classify(specifier: string): Target {
  if (specifier.startsWith('#')) return { kind: 'alias', key: specifier };
  // Resolvers read a backslash as a slash and %2e as a dot, and bundlers drop the query: so `..%2fx?raw` is no way around.
  const text = decode(specifier.replace(/[?#].*$/s, '')).replaceAll('\\', '/');
  if (/^\.\.?(?:\/|$)/.test(text)) return { kind: 'relative', path: text };
  if (isBuiltin(text)) return { kind: 'builtin' };
  if (text.startsWith('/') || /^[a-z][\d+.a-z-]*:/i.test(text)) return { kind: 'elsewhere' };
  return splitPackage(text);
}

function splitPackage(text: string): Target {
  const parts = text.split('/');
  const name = parts.slice(0, text.startsWith('@') ? 2 : 1).join('/');
  const subpath = text.slice(name.length);
  return { kind: 'package', name, subpath: subpath === '' ? '.' : `.${subpath}` };
}

function decode(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
