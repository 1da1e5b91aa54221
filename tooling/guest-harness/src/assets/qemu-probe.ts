// Finding a QEMU that can attach a vfio-user device. The feature is asked for, not the version: a distribution may
// build it out, and QEMU before 10.1 does not have it.
import { execFile } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { promisify } from 'node:util';
import { causeOf } from '../errors.ts';
import { prefixCommand } from './qemu-prefix.ts';
import type { QemuAssets } from './types.ts';

const run = promisify(execFile);
const PROBE_MS = 20_000;

/** One line saying why this QEMU cannot be used, or undefined when it can. */
export async function probeQemu(command: string, args: readonly string[] = []): Promise<string | undefined> {
  try {
    await run(command, [...args, '-device', 'vfio-user-pci,help'], { timeout: PROBE_MS });
    return undefined;
  } catch (error) {
    const { code, stderr, killed } = error as { code?: unknown; stderr?: string; killed?: boolean };
    if (code === 'ENOENT') return `${command} does not exist`;
    if (killed) return `${command} did not answer within ${PROBE_MS / 1000} s`;
    if (typeof code === 'number') return `${command} has no vfio-user-pci (QEMU >= 10.1 on Linux is needed): ${stderr?.trim().split('\n')[0] ?? ''}`;
    return causeOf(error);
  }
}

/** The first usable QEMU of $SIOV_QEMU, PATH and the cached prefix, or one line saying why there is none. */
export async function findQemu(env: NodeJS.ProcessEnv, cachedPrefix: string | undefined): Promise<QemuAssets | string> {
  if (env.SIOV_QEMU) {
    const problem = await probeQemu(env.SIOV_QEMU);
    return problem === undefined ? { command: env.SIOV_QEMU, args: [], from: 'SIOV_QEMU' } : `SIOV_QEMU: ${problem}`;
  }
  const onPath = await which('qemu-system-x86_64', env.PATH);
  if (onPath && (await probeQemu(onPath)) === undefined) return { command: onPath, args: [], from: 'PATH' };
  if (!cachedPrefix) return onPath ? `${onPath} has no vfio-user-pci, and no other QEMU is provisioned` : 'no QEMU is provisioned';
  const cached = prefixCommand(cachedPrefix);
  const problem = await probeQemu(cached.command, cached.args);
  return problem === undefined ? { ...cached, from: 'cache' } : `the provisioned QEMU does not run: ${problem}`;
}

/** The path of an executable on a PATH-like list, or undefined. */
export async function which(name: string, path = ''): Promise<string | undefined> {
  for (const folder of path.split(delimiter).filter((entry) => entry !== '')) {
    const candidate = join(folder, name);
    const found = await access(candidate, constants.X_OK).then(() => true, () => false);
    if (found) return candidate;
  }
  return undefined;
}
