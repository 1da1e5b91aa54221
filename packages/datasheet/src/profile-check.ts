// Whether a profile describes a device that can exist: every table inside BAR0, none over another, and the numbers of the
// capability registers within each other's limits.
import { fail, ok } from '@siov/base';
import type { Result } from '@siov/base';
import { GENCAP, WQCAP } from './bar0-capabilities.ts';
import { PORTALS_PER_WQ_SIZE } from './portal.ts';
import { layoutOf } from './profile.ts';
import type { DsaProfile } from './profile.ts';
import { bar0Windows } from './register-window.ts';

/** DSA spec 3.0 §9.2: BAR0 is at least 64 KiB. */
const BAR0_MIN = 0x10000;
/** MSGCTL.tableSize has 11 bits. */
const MSIX_MAX = 2048;

const isPowerOfTwo = (value: number) => value > 0 && Number.isInteger(Math.log2(value));

/** `EINVAL` with the first rule that is broken. */
export function checkProfile(profile: DsaProfile): Result<void, 'EINVAL'> {
  for (const problem of problems(profile)) return fail('EINVAL', `profile ${profile.name}: ${problem}`);
  return ok();
}

function* problems(profile: DsaProfile): Generator<string> {
  const layout = layoutOf(profile);
  const { bar0Size, bar2Size, msix } = profile;
  if (!isPowerOfTwo(bar0Size) || bar0Size < BAR0_MIN) yield `BAR0 of ${bar0Size} bytes is not a power of two of at least ${BAR0_MIN}`;
  if (!isPowerOfTwo(bar2Size) || bar2Size < layout.wqs * PORTALS_PER_WQ_SIZE) {
    yield `BAR2 of ${bar2Size} bytes is not a power of two that holds the portals of ${layout.wqs} work queues`;
  }
  if (layout.wqs === 0 || layout.groups === 0 || layout.engines === 0) yield 'it has no work queue, no group or no engine';
  if (layout.wqs > layout.totalWqSize) yield `${layout.wqs} work queues share ${layout.totalWqSize} entries`;
  if (layout.engines > 64) yield `${layout.engines} engines do not fit the 64 bits of GRPCFG`;
  if (!(msix.count >= 1 && msix.count <= MSIX_MAX)) yield `${msix.count} MSI-X entries are not in 1..${MSIX_MAX}`;
  if (msix.table % 8 !== 0 || msix.pba % 8 !== 0) yield 'the MSI-X table or its pending bits are not 8-byte aligned';
  if (WQCAP.operationConfig.get(profile.WQCAP) === 1 && layout.wqcfgSize < 64) yield 'per-queue operation configuration needs a WQCFG of 64 bytes';
  if (GENCAP.configurationSupport.get(profile.GENCAP) === 1 && WQCAP.sharedMode.get(profile.WQCAP) + WQCAP.dedicatedMode.get(profile.WQCAP) === 0) {
    yield 'work queues support neither shared nor dedicated mode';
  }
  yield* overlaps(profile);
}

function* overlaps(profile: DsaProfile): Generator<string> {
  const spans = bar0Windows(profile)
    .filter((window) => window.count > 0)
    .map((window) => ({ name: window.name || 'registers', start: window.offset, end: window.offset + window.stride * window.count }))
    .sort((a, b) => a.start - b.start);
  let last = { name: '', start: 0, end: 0 };
  for (const span of spans) {
    if (span.start < last.end) yield `${span.name} at 0x${span.start.toString(16)} lies over ${last.name}, which ends at 0x${last.end.toString(16)}`;
    if (span.end > profile.bar0Size) yield `${span.name} ends at 0x${span.end.toString(16)}, beyond BAR0`;
    last = span;
  }
}
