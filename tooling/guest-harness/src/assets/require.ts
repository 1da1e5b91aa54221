// The door for tests: they boot a guest where everything is there, say in one line why not elsewhere, and never skip
// in CI.
import { GuestError, causeOf } from '../errors.ts';
import { locate } from './locate.ts';
import { type ProvisionOptions, provision } from './provision.ts';
import type { GuestAssets } from './types.ts';

/** Assets, or why there are none. */
export type RequiredAssets =
  | { readonly assets: GuestAssets; readonly reason?: undefined }
  | { readonly assets?: undefined; readonly reason: string };

/** Whether missing assets are to be fetched: CI=true, or SIOV_GUEST=provision. */
export function mustProvision(env: NodeJS.ProcessEnv = process.env): boolean {
  return /^(1|true)$/i.test(env.CI ?? '') || env.SIOV_GUEST === 'provision';
}

/**
 * The assets of a guest test. Where they must not be missing (see `mustProvision`) they are fetched, and a failure
 * throws ASSETS. Elsewhere nothing is downloaded; SIOV_GUEST=off answers with a reason even if all is there.
 */
export async function requireAssets(options: ProvisionOptions = {}): Promise<RequiredAssets> {
  const { env = process.env } = options;
  if (!mustProvision(env)) {
    if (env.SIOV_GUEST === 'off') return { reason: 'guest tests are switched off by SIOV_GUEST=off' };
    const located = await locate(options);
    return located.ok ? { assets: located.assets } : { reason: located.reason };
  }
  try {
    return { assets: await provision(options) };
  } catch (error) {
    throw new GuestError('ASSETS', `guest tests must run here, but: ${causeOf(error)}`, { cause: error });
  }
}
