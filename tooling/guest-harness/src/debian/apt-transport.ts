// The archive through apt-get with a private state: the system's package lists, cache and installed packages are
// neither read nor changed, no root is needed, but its proxy, certificate and credential settings apply.
import { execFile, spawn } from 'node:child_process';
import { mkdir, readFile, readdir, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { GuestError, causeOf } from '../errors.ts';
import { debianKeyring } from './release.ts';
import type { DebPackage } from './resolver.ts';
import { type ArchiveTransport, type OnBytes, sha256File } from './transport.ts';

const run = promisify(execFile);
const LIMIT_MS = 15 * 60_000;
const POLL_MS = 250;

/** Whether this system has apt-get. */
export async function hasApt(): Promise<boolean> {
  return run('apt-get', ['--version']).then(
    () => true,
    () => false,
  );
}

/** A transport that keeps apt's private state in `stateDir` (created) and reads the archive at `base`. */
export function aptTransport(base: string, stateDir: string): ArchiveTransport {
  const config = join(stateDir, 'apt.conf');
  const warnings: string[] = [];
  return {
    kind: 'apt',
    warnings,
    async indexes(suites, onBytes) {
      const keyring = debianKeyring();
      if (!keyring) warnings.push('archive signature not checked: no Debian keyring on this system');
      await prepareState(stateDir, sourceLines(base, suites, keyring));
      await aptGet(config, ['update', '-q'], stateDir, join(stateDir, 'lists'), onBytes);
      return Promise.all(suites.map((suite) => readIndex(config, suite)));
    },
    async download(packages, folder, onBytes) {
      const names = packages.map((pkg) => `${pkg.name}=${pkg.version}`);
      await aptGet(config, ['download', '-q', ...names], folder, folder, onBytes);
      return matchFiles(packages, folder);
    },
  };
}

function sourceLines(base: string, suites: readonly string[], keyring: string | undefined): string {
  const trust = keyring ? `signed-by=${keyring}` : 'trusted=yes';
  return suites.map((suite) => `deb [arch=amd64 ${trust}] ${base} ${suite} main\n`).join('');
}

async function prepareState(dir: string, sources: string): Promise<void> {
  await mkdir(join(dir, 'lists', 'partial'), { recursive: true });
  await mkdir(join(dir, 'archives', 'partial'), { recursive: true });
  await writeFile(join(dir, 'status'), '');
  await writeFile(join(dir, 'sources.list'), sources);
  await writeFile(join(dir, 'apt.conf'), configuration(dir));
}

// Container images hang clean-up hooks on `update`; with the private cache they would only act on the system's.
function configuration(dir: string): string {
  return `#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
Dir::State "${dir}";
Dir::State::lists "lists";
Dir::State::status "${dir}/status";
Dir::Cache "${dir}";
Dir::Cache::archives "archives";
Dir::Cache::pkgcache "";
Dir::Cache::srcpkgcache "";
Dir::Etc::SourceList "${dir}/sources.list";
Dir::Etc::SourceParts "/dev/null";
Dir::Etc::Preferences "/dev/null";
Dir::Etc::PreferencesParts "/dev/null";
APT::Architecture "amd64";
APT::Architectures { "amd64"; };
APT::Sandbox::User "";
Acquire::Languages "none";
Acquire::GzipIndexes "false";
Acquire::Retries "2";
Debug::NoLocking "true";
`;
}

async function readIndex(config: string, suite: string): Promise<string> {
  const args = ['-c', config, 'indextargets', '--format', '$(CODENAME)\t$(SUITE)\t$(FILENAME)', 'Created-By: Packages'];
  const { stdout } = await run('apt-get', args);
  const rows = stdout.trim().split('\n').map((line) => line.split('\t'));
  const file = rows.find(([codename, name]) => codename === suite || name === suite)?.[2];
  if (!file) throw new GuestError('ARCHIVE', `the mirror has no suite ${suite}`);
  return readFile(file, 'utf8');
}

/** Runs apt-get, reporting the growth of `watched` meanwhile: apt's own progress goes to a terminal only. */
async function aptGet(config: string, args: string[], cwd: string, watched: string, onBytes: OnBytes): Promise<void> {
  const before = await folderBytes(watched);
  const report = async () => onBytes((await folderBytes(watched)) - before);
  const timer = setInterval(() => void report(), POLL_MS);
  try {
    await new Promise<void>((resolve, reject) => {
      const child = spawn('apt-get', ['-c', config, ...args], { cwd, stdio: ['ignore', 'ignore', 'pipe'], timeout: LIMIT_MS });
      let complaint = '';
      child.stderr.on('data', (chunk: Buffer) => (complaint += chunk.toString()));
      child.on('error', (error) => reject(new GuestError('ARCHIVE', `cannot run apt-get: ${causeOf(error)}`)));
      child.on('close', (code, signal) => {
        if (code === 0) return resolve();
        const first = complaint.split('\n').find((line) => line.startsWith('E: ')) ?? `exit ${code ?? signal}`;
        reject(new GuestError('ARCHIVE', `apt-get ${args[0]} failed: ${first}`));
      });
    });
    await report();
  } finally {
    clearInterval(timer);
  }
}

async function folderBytes(dir: string): Promise<number> {
  const names = await readdir(dir, { recursive: true }).catch(() => []);
  const sizes = await Promise.all(names.map((name) => stat(join(dir, name)).then((s) => (s.isFile() ? s.size : 0), () => 0)));
  return sizes.reduce((sum, size) => sum + size, 0);
}

/** apt escapes file names its own way, so the files are told apart by what they must contain. */
async function matchFiles(packages: readonly DebPackage[], folder: string): Promise<string[]> {
  const bySum = new Map<string, string>();
  for (const name of await readdir(folder)) {
    if (name.endsWith('.deb')) bySum.set(await sha256File(join(folder, name)), join(folder, name));
  }
  return packages.map((pkg) => {
    const path = bySum.get(pkg.sha256);
    if (!path) throw new GuestError('ARCHIVE', `${pkg.name} ${pkg.version} arrived with a wrong SHA-256, or not at all`);
    return path;
  });
}
