// Commands to the agent, one after the other, each with a time limit that holds even if the guest no longer answers.
import type { Socket } from 'node:net';
import { GuestError } from '../errors.ts';
import { AgentDecoder, type AgentMessage, type AgentRequest, encodeRequest } from './agent-protocol.ts';

/** An answer of the agent. */
export type AgentReply = Extract<AgentMessage, { type: 'reply' }>;

// What the guest may need to notice its own time limit and to send what it has, on a busy machine.
const GRACE_MS = 15_000;

interface Pending {
  readonly id: number;
  readonly resolve: (reply: AgentReply) => void;
  readonly reject: (error: GuestError) => void;
}

/** The host's end of the agent port. */
export class AgentChannel {
  /** Resolves to the guest's kernel release when the agent runs. */
  readonly ready: Promise<string>;
  readonly #socket: Socket;
  readonly #decoder = new AgentDecoder();
  #pending: Pending | undefined;
  #queue: Promise<unknown> = Promise.resolve();
  #closed: GuestError | undefined;
  #nextId = 1;
  #announce: (release: string) => void = () => undefined;
  #refuse: (error: GuestError) => void = () => undefined;

  constructor(socket: Socket) {
    this.#socket = socket;
    this.ready = new Promise((resolve, reject) => {
      this.#announce = resolve;
      this.#refuse = reject;
    });
    this.ready.catch(() => undefined); // whoever boots awaits it; nobody else has to
    socket.on('data', (chunk: Buffer) => this.#receive(chunk));
  }

  /** Fails the command under way and all later ones. */
  close(error: GuestError): void {
    this.#closed ??= error;
    this.#refuse(this.#closed);
    this.#pending?.reject(this.#closed);
  }

  /**
   * Sends a request when the ones before it are answered. `timeoutMs` starts when it is sent. Throws TIMEOUT when the
   * agent itself does not answer in time (the guest hangs), or the error given to `close`.
   */
  async request(request: Omit<AgentRequest, 'id' | 'limit'>, timeoutMs: number): Promise<AgentReply> {
    const turn = this.#queue.then(() => this.#send(request, timeoutMs));
    this.#queue = turn.catch(() => undefined);
    return turn;
  }

  async #send(request: Omit<AgentRequest, 'id' | 'limit'>, timeoutMs: number): Promise<AgentReply> {
    if (this.#closed) throw this.#closed;
    const id = this.#nextId++;
    const bytes = encodeRequest({ ...request, id, limit: Math.max(1, Math.ceil(timeoutMs / 1000)) });
    let timer: NodeJS.Timeout | undefined;
    try {
      return await new Promise<AgentReply>((resolve, reject) => {
        this.#pending = { id, resolve, reject };
        const silence = () => reject(new GuestError('TIMEOUT', `the guest does not answer (waited ${(timeoutMs + GRACE_MS) / 1000} s)`));
        timer = setTimeout(silence, timeoutMs + GRACE_MS);
        this.#socket.write(bytes);
      });
    } finally {
      clearTimeout(timer);
      this.#pending = undefined;
    }
  }

  #receive(chunk: Buffer): void {
    try {
      for (const message of this.#decoder.push(chunk)) {
        if (message.type === 'ready') this.#announce(message.release);
        else if (message.id === this.#pending?.id) this.#pending.resolve(message);
      }
    } catch (error) {
      this.close(error instanceof GuestError ? error : new GuestError('USAGE', String(error)));
    }
  }
}
