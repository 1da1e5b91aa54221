import { describe, expect, test } from 'vitest';
import { findCompiler } from '../src/test-modules/compiler.ts';

describe('findCompiler', () => {
  test('a missing compiler is said in one line', async () => {
    await expect(findCompiler({ PATH: '/nonexistent' })).rejects.toThrow(/^no C compiler \(gcc, clang, cc\) on PATH: install gcc or clang/);
    await expect(findCompiler({ PATH: '/nonexistent' })).rejects.toMatchObject({ code: 'COMPILER' });
  });

  test('CC wins', async () => {
    await expect(findCompiler({ PATH: '/nonexistent', CC: '/opt/bin/mycc' })).resolves.toBe('/opt/bin/mycc');
    await expect(findCompiler({ PATH: '/nonexistent', CC: 'mycc' })).rejects.toThrow('no C compiler (mycc)');
  });
});
