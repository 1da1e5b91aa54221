// Version negotiation (VERSION): both sides say what they can, as JSON behind the version numbers.
import { fail, ok } from '@siov/base';
import type { Result } from '@siov/base';
import { z } from 'zod';
import { Version } from './wire.ts';

/** The protocol version spoken here. 0.1 is the one without DIRTY_PAGES (14). */
export const PROTOCOL = { major: 0, minor: 1 } as const;

/** Longer JSON is refused unread: every known capability fits in a tenth of it. */
const MAX_JSON = 4096;

const count = z.int().nonnegative();
const Capabilities = z.looseObject({
  max_msg_fds: count.optional(),
  max_data_xfer_size: count.optional(),
  max_dma_maps: count.optional(),
  pgsizes: count.optional(),
  write_multiple: z.boolean().optional(),
});
const VersionData = z.looseObject({ capabilities: Capabilities.optional() });

/** What a side says about itself. Absent: the protocol's default. */
export type Capabilities = z.infer<typeof Capabilities>;

export interface Proposal {
  readonly major: number;
  readonly minor: number;
  readonly capabilities: Capabilities;
}

/** The limits a server announces; `max_data_xfer_size` in bytes, `pgsizes` a bit mask of page sizes. */
export interface ServerCapabilities {
  readonly max_msg_fds: number;
  readonly max_data_xfer_size: number;
  readonly max_dma_maps: number;
  readonly pgsizes: number;
  readonly write_multiple: boolean;
}

/**
 * The payload of VERSION, its JSON checked. `EINVAL`: no NUL at the end, not UTF-8, not JSON, longer than 4 KiB, or a
 * capability of the wrong type.
 */
export function decodeVersion(payload: Uint8Array): Result<Proposal, 'EINVAL'> {
  const version = Version.read(payload);
  if (!version.ok) return version;
  const json = payload.subarray(Version.size);
  if (json.length === 0) return ok({ ...version.value, capabilities: {} });
  const data = parseJson(json);
  if (!data.ok) return data;
  return ok({ ...version.value, capabilities: data.value.capabilities ?? {} });
}

function parseJson(bytes: Uint8Array): Result<z.infer<typeof VersionData>, 'EINVAL'> {
  if (bytes.length > MAX_JSON) return fail('EINVAL', `VERSION: ${bytes.length} bytes of JSON, at most ${MAX_JSON} are read`);
  if (bytes.indexOf(0) !== bytes.length - 1) return fail('EINVAL', 'VERSION: the JSON does not end with its only NUL');
  try {
    const text = new TextDecoder('utf-8', { fatal: true }).decode(bytes.subarray(0, -1));
    const parsed = VersionData.safeParse(JSON.parse(text));
    if (parsed.success) return ok(parsed.data);
    const issue = parsed.error.issues[0];
    return fail('EINVAL', `VERSION: ${issue?.path.join('.')}: ${issue?.message}`);
  } catch {
    return fail('EINVAL', 'VERSION: the capabilities are not JSON');
  }
}

export function encodeVersion(proposal: { major: number; minor: number; capabilities: object }): Uint8Array<ArrayBuffer> {
  const { major, minor, capabilities } = proposal;
  const json = new TextEncoder().encode(`${JSON.stringify({ capabilities })}\0`);
  const payload = new Uint8Array(Version.size + json.length);
  Version.write(payload, { major, minor });
  payload.set(json, Version.size);
  return payload;
}

/**
 * The answer to a client: the lower minor, and this server's limits. QEMU has room for 194 bytes of JSON and gives up on
 * more (seen with 11.1), so only what a client acts on is said. `EINVAL` on another major version.
 */
export function answerVersion(proposal: Proposal, own: ServerCapabilities): Result<Proposal, 'EINVAL'> {
  const { major, minor, capabilities } = proposal;
  if (major !== PROTOCOL.major) return fail('EINVAL', `VERSION: major version ${major}, only ${PROTOCOL.major} is spoken`);
  const { write_multiple, ...limits } = own;
  const both = write_multiple && capabilities.write_multiple === true ? { write_multiple } : {};
  return ok({ major, minor: Math.min(minor, PROTOCOL.minor), capabilities: { ...limits, ...both } });
}
