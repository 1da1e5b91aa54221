import { describe, expect, test } from 'vitest';
import { debianBase, findArchiveBase, parseDeb822Sources, parseSourcesList } from '../src/debian/apt-sources.ts';
import { temporaryFolder } from './support/folders.ts';

const DEB822 = `Types: deb deb-src
# a snapshot
URIs: http://mirror.example/debian
Suites: trixie trixie-updates
Components: main contrib
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
URIs: http://mirror.example/debian-security
Suites: trixie-security
Components: main
Signed-By: /usr/share/keyrings/debian-archive-keyring.gpg

Types: deb
Enabled: no
URIs: http://disabled.example/debian
Suites: trixie
Components: main
`;

describe('parsing', () => {
  test('deb822: every combination of URI and suite, disabled stanzas left out', () => {
    expect(parseDeb822Sources(DEB822).map(({ uri, suite }) => `${uri} ${suite}`)).toEqual([
      'http://mirror.example/debian trixie',
      'http://mirror.example/debian trixie-updates',
      'http://mirror.example/debian-security trixie-security',
    ]);
  });

  test('one-line style, with options and comments', () => {
    const text = '# deb http://no.example/debian x main\ndeb [arch=amd64 signed-by=/k.gpg] http://a.example/debian/ trixie main contrib # why\ndeb-src http://b.example/debian trixie main\n';
    expect(parseSourcesList(text)).toEqual([{ uri: 'http://a.example/debian/', suite: 'trixie', components: ['main', 'contrib'], signedBy: '/k.gpg' }]);
  });
});

describe('debianBase', () => {
  test('takes the main archive, not security', () => {
    expect(debianBase(parseDeb822Sources(DEB822))).toBe('http://mirror.example/debian');
    expect(debianBase(parseDeb822Sources(DEB822.split('\n\n')[1] ?? ''))).toBeUndefined();
  });

  test('a third-party archive with the same suite name is not Debian', () => {
    const sources = parseSourcesList('deb https://vendor.example/apt trixie main\ndeb http://mirror.example/debian/ trixie main\n');
    expect(debianBase(sources)).toBe('http://mirror.example/debian');
  });

  test("Debian's keyring tells a mirror whatever its path", () => {
    const sources = parseSourcesList('deb http://other.example/debian trixie main\ndeb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://mirror.example/pub/os trixie main\n');
    expect(debianBase(sources)).toBe('http://mirror.example/pub/os');
  });

  test('a mirror without the main component, or not over http, does not do', () => {
    expect(debianBase(parseSourcesList('deb http://a.example/debian trixie contrib\ndeb cdrom:[x]/debian trixie main\ndeb file:/srv/debian trixie main\n'))).toBeUndefined();
  });
});

describe('findArchiveBase', () => {
  test('DEB_BASE wins', async () => {
    await expect(findArchiveBase({ DEB_BASE: 'http://mine.example/debian/' })).resolves.toBe('http://mine.example/debian');
  });

  test("else the system's sources, both styles", async () => {
    await using folder = temporaryFolder({ 'sources.list.d/debian.sources': DEB822, 'sources.list.d/x.bak': 'deb http://bak.example/debian trixie main' });
    await expect(findArchiveBase({}, folder.path)).resolves.toBe('http://mirror.example/debian');
  });

  test('else it says how to set it, naming no host', async () => {
    await using folder = temporaryFolder({});
    await expect(findArchiveBase({}, folder.path)).rejects.toThrow(/^no Debian mirror known: set DEB_BASE/);
  });
});
