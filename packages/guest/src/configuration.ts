// How a function's queues are configured: as its host has fixed it, or as the driver is asked to.
import { fail, ok } from '@siov/base';
import type { Result, Steps } from '@siov/base';
import type { Capabilities } from './capabilities.ts';
import { readConfiguration } from './fixed-configuration.ts';
import type { GuestFunction } from './function.ts';
import { checkConfig, settingsOf } from './queue-config.ts';
import type { DeviceConfig, EngineConfig, QueueConfig, QueueSettings } from './queue-config.ts';

/** `own`: what the driver writes; null: nothing, or nothing was asked for. */
export interface Configuration {
  readonly own: DeviceConfig | null;
  readonly settings: readonly QueueSettings[];
}

/** `EPERM`: `queues` for a function that its host has fixed; else as the two readings of it. */
export function* findConfiguration(
  function_: GuestFunction,
  capabilities: Capabilities,
  { pasids, queues, engines }: { readonly pasids: boolean; readonly queues?: readonly QueueConfig[] | undefined; readonly engines?: readonly EngineConfig[] | undefined },
): Steps<Result<Configuration, 'EOPNOTSUPP' | 'EINVAL' | 'EPERM'>> {
  if (!capabilities.configurable) {
    if (queues !== undefined) return fail('EPERM', `${function_.name}: its queues are configured by its host`);
    const settings = yield* readConfiguration(function_, capabilities, { pasids });
    return settings.ok ? ok({ own: null, settings: settings.value }) : settings;
  }
  const checked = queues === undefined ? ok(null) : checkConfig(capabilities, queues, engines);
  if (!checked.ok) return checked;
  const own = checked.value;
  return ok({ own, settings: Array.from({ length: capabilities.wqs }, (_, index) => settingsOf(own, index)) });
}
