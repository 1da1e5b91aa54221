// Building the test modules for one kernel, in under a second and without its headers.
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { KernelAssets } from '../assets/types.ts';
import { elfSection } from '../elf/elf.ts';
import { GuestError } from '../errors.ts';
import type { ModuleImage } from '../guest/guest.ts';
import { Btf } from '../kernel/btf.ts';
import { moduleInfo } from '../kernel/modinfo.ts';
import { REQUIRED_MODULE } from '../kernel/module-set.ts';
import { KERNEL_FLAGS, PROGRAM_FLAGS, compile, findCompiler } from './compiler.ts';
import { type LayoutOffsets, layoutHeader } from './layout.ts';

/** The test modules there are. */
export type TestModuleName = 'movdir64b' | 'dmaclient';

/** The modules, ready for `Guest.insmod`, and the user-mode self test of the emulation (an executable). */
export interface TestModules extends Readonly<Record<TestModuleName, ModuleImage>> {
  readonly movdir64bUser: Uint8Array;
}

/**
 * Compiles the test modules for `kernel` with $CC, gcc or clang. Throws COMPILER (none there, or it failed) or KERNEL
 * (no type information in the image, or a type has changed), each in one line.
 */
export async function buildTestModules(kernel: KernelAssets, env: NodeJS.ProcessEnv = process.env): Promise<TestModules> {
  const sources = moduleSources();
  return withBuilder(kernel, env, {}, async (build) => {
    const module = async (name: TestModuleName): Promise<ModuleImage> => ({ name, image: await build(join(sources, `${name}.c`), KERNEL_FLAGS) });
    const [movdir64b, dmaclient, movdir64bUser] = await Promise.all([
      module('movdir64b'),
      module('dmaclient'),
      build(join(sources, 'movdir64b-user.c'), PROGRAM_FLAGS),
    ]);
    return { movdir64b, dmaclient, movdir64bUser };
  });
}

/** Compiles one file to bytes. */
export type Build = (source: string, flags: readonly string[]) => Promise<Buffer>;

/** Calls `work` with a compiler for this kernel; `more` extends the layout header. Throws COMPILER or KERNEL. */
export async function withBuilder<T>(kernel: KernelAssets, env: NodeJS.ProcessEnv, more: LayoutOffsets, work: (build: Build) => Promise<T>): Promise<T> {
  const compiler = await findCompiler(env);
  const folder = await mkdtemp(join(tmpdir(), 'siov-modules-'));
  try {
    await writeFile(join(folder, 'layout.h'), await layoutOf(kernel, more));
    return await work(async (source, flags) => {
      const output = join(folder, `${basename(source)}.out`);
      await compile(compiler, flags, source, output, [folder, moduleSources()]);
      return readFile(output);
    });
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

async function layoutOf(kernel: KernelAssets, more: LayoutOffsets): Promise<string> {
  const types = elfSection(await readFile(kernel.vmlinux), '.BTF');
  if (!types) throw new GuestError('KERNEL', `kernel ${kernel.release} carries no type information (CONFIG_DEBUG_INFO_BTF)`);
  const stock = moduleInfo(await readFile(join(kernel.modules, `${REQUIRED_MODULE}.ko`)));
  return layoutHeader(new Btf(types), stock.get('vermagic')?.[0] ?? '', more);
}

/** `modules/` of this package, which lies two levels up from the sources and one from the built bundle. */
function moduleSources(): string {
  let folder = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(folder, 'modules', 'kernel.h'))) {
    if (dirname(folder) === folder) throw new GuestError('COMPILER', "the package's modules folder is missing");
    folder = dirname(folder);
  }
  return join(folder, 'modules');
}
