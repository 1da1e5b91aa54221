// Which proxy to use for a URL: the environment as curl and apt read it, then apt's own setting.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** A proxy for `target`, or undefined for a direct connection. `aptProxies` is `apt-config dump` text. */
export function proxyFor(target: URL, env: NodeJS.ProcessEnv, aptConfig = ''): URL | undefined {
  const scheme = target.protocol.slice(0, -1);
  if (isExempt(target.hostname, env.no_proxy ?? env.NO_PROXY ?? '')) return undefined;
  const fromEnv = env[`${scheme}_proxy`] ?? env[`${scheme.toUpperCase()}_PROXY`] ?? env.all_proxy ?? env.ALL_PROXY;
  const chosen = fromEnv || aptProxy(aptConfig, scheme, target.hostname);
  if (!chosen || chosen.toUpperCase() === 'DIRECT') return undefined;
  return new URL(chosen.includes('://') ? chosen : `http://${chosen}`);
}

/** `no_proxy`: comma-separated hosts, a leading dot or the bare domain covers its subdomains, `*` covers all. */
function isExempt(host: string, list: string): boolean {
  return list.split(',').some((entry) => {
    const name = entry.trim().replace(/^\*?\./, '').replace(/:\d+$/, '');
    return name === '*' || (name !== '' && (host === name || host.endsWith(`.${name}`)));
  });
}

function aptProxy(config: string, scheme: string, host: string): string | undefined {
  const setting = (key: string) => {
    const line = config.split('\n').find((text) => text.toLowerCase().startsWith(`${key.toLowerCase()} "`));
    return line && /"([^"]*)"/.exec(line)?.[1];
  };
  return setting(`Acquire::${scheme}::Proxy::${host}`) ?? setting(`Acquire::${scheme}::Proxy`);
}

/** Apt's settings, or '' where there is no apt. */
export async function aptConfigDump(): Promise<string> {
  return run('apt-config', ['dump']).then(
    ({ stdout }) => stdout,
    () => '',
  );
}
