// The wire between host and agent, over one virtio-serial port:
//
//   host  -> agent   <id> <verb> <length> <limit seconds> <path>\n  then <length> raw bytes
//   agent -> host    ready <kernel release>\n                       once
//   agent -> host    <id> <status> <timed out 0|1> <out length> <err length>\n  then both outputs, raw
//
// One command is under way at a time. Lengths instead of quoting keep it binary safe and cheap for a shell.
import { GuestError } from '../errors.ts';

/** Name of the virtio-serial port. */
export const AGENT_PORT = 'agent';

/** A request to the agent. `limit` in whole seconds, `data` is the script or the file's contents. */
export interface AgentRequest {
  readonly id: number;
  readonly verb: 'run' | 'put' | 'off';
  readonly limit: number;
  readonly data: Uint8Array;
  /** Target of a `put`, absolute. */
  readonly path?: string;
}

/** What the agent sends. */
export type AgentMessage =
  | { readonly type: 'ready'; readonly release: string }
  | {
      readonly type: 'reply';
      readonly id: number;
      readonly status: number;
      readonly timedOut: boolean;
      readonly stdout: Buffer;
      readonly stderr: Buffer;
    };

/** The bytes of a request. Throws USAGE for a path the shell's `read` would not return unchanged. */
export function encodeRequest({ id, verb, limit, data, path = '/' }: AgentRequest): Buffer {
  if (!path.startsWith('/') || /[\0\n]|\s$/.test(path)) {
    throw new GuestError('USAGE', `not a path for the guest: ${JSON.stringify(path)} (absolute, no line break, no space at its end)`);
  }
  return Buffer.concat([Buffer.from(`${id} ${verb} ${data.length} ${limit} ${path}\n`), data]);
}

// A header line is short; anything longer is not our agent talking.
const MAX_HEADER = 256;

/** Cuts the agent's byte stream into messages, however it is chunked. */
export class AgentDecoder {
  #parts: Buffer[] = [];
  #have = 0;
  #need = 1;

  /** The messages completed by `chunk`. Throws USAGE when the stream is not the agent's. */
  push(chunk: Buffer): AgentMessage[] {
    this.#parts.push(chunk);
    this.#have += chunk.length;
    const messages: AgentMessage[] = [];
    // Joining only when enough is there keeps a large reply from being copied once per chunk.
    while (this.#have >= this.#need) {
      const data = Buffer.concat(this.#parts, this.#have);
      const message = this.#next(data);
      if (!message) break;
      messages.push(message);
    }
    return messages;
  }

  #next(data: Buffer): AgentMessage | undefined {
    this.#keep(data);
    const newline = data.subarray(0, MAX_HEADER).indexOf(0x0a);
    if (newline < 0) {
      if (data.length >= MAX_HEADER) throw new GuestError('USAGE', 'the agent sent a line that is no header');
      this.#need = data.length + 1;
      return undefined;
    }
    const line = data.toString('latin1', 0, newline);
    const body = newline + 1;
    const ready = /^ready (\S+)$/.exec(line);
    if (ready) {
      this.#keep(data.subarray(body));
      return { type: 'ready', release: ready[1] ?? '' };
    }
    const match = /^(\d+) (\d+) ([01]) (\d+) (\d+)$/.exec(line);
    if (!match) throw new GuestError('USAGE', `the agent sent ${JSON.stringify(line)}`);
    const [id, status, timedOut, out, err] = match.slice(1).map(Number) as [number, number, number, number, number];
    const end = body + out + err;
    if (data.length < end) {
      this.#need = end;
      return undefined;
    }
    this.#keep(data.subarray(end));
    const [stdout, stderr] = [data.subarray(body, body + out), data.subarray(body + out, end)];
    return { type: 'reply', id, status, timedOut: timedOut === 1, stdout, stderr };
  }

  #keep(rest: Buffer): void {
    this.#parts = rest.length > 0 ? [rest] : [];
    this.#have = rest.length;
    this.#need = 1;
  }
}
