import { describe, expect, test } from 'vitest';
import { parseInRelease } from '../src/debian/release.ts';

const SUM = 'ab'.repeat(32);
const signed = (body: string) => `-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA256\n\n${body}\n-----BEGIN PGP SIGNATURE-----\n\nxyz\n-----END PGP SIGNATURE-----\n`;
const BODY = `Origin: Debian\nMD5Sum:\n 00 1 main/x\nSHA256:\n ${SUM.toUpperCase()} 42 main/binary-amd64/Packages.xz\n ${SUM} 7 main/binary-amd64/Packages\n`;

describe('parseInRelease', () => {
  test('lists files with their SHA-256 only', () => {
    expect([...parseInRelease(signed(BODY))]).toEqual([
      ['main/binary-amd64/Packages.xz', { sha256: SUM, size: 42 }],
      ['main/binary-amd64/Packages', { sha256: SUM, size: 7 }],
    ]);
  });

  test('text outside the signed block is refused', () => {
    expect(() => parseInRelease(`SHA256:\n ${SUM} 1 evil\n${signed(BODY)}`)).toThrow('not one clear-signed message');
    expect(() => parseInRelease(signed(BODY) + signed(BODY))).toThrow('not one clear-signed message');
    expect(() => parseInRelease(BODY)).toThrow('not one clear-signed message');
  });

  test('what follows the signature is not read', () => {
    expect(parseInRelease(`${signed(BODY)}SHA256:\n ${SUM} 1 evil\n`).has('evil')).toBe(false);
  });
});
