// DMA remapping: what a request of a device reaches, or why it was blocked (VT-d chapters 3, 6 and 7).
import { fail, ok, point } from '@siov/base';
import type { Failure, Memory, Result, StatePort, Steps, Trace } from '@siov/base';
import { AddressSpace } from './address-space.ts';
import type { DomainRegistry } from './domain-registry.ts';
import { FaultLog } from './faults.ts';
import type { Features } from './features.ts';
import type { PagingDomain } from './paging-domain.ts';
import type { RemappingTables } from './remapping-tables.ts';
import { DMA_FAULT, walk } from './table-walk.ts';
import type { DmaFaultReason, WalkTarget } from './table-walk.ts';

type Kind = 'read' | 'write';

/** A DMA request that was blocked. */
export interface DmaFault {
  readonly requesterId: number;
  readonly pasid: number | null;
  /** The first address that could not be reached. */
  readonly address: bigint;
  readonly kind: Kind;
  readonly reason: DmaFaultReason;
}

/** How a device's memory accesses enter the IOMMU. `pasid` null: a request without PASID. */
export interface DmaAccess {
  /** `privileged`: the request asks for the rights of the kernel (PR of the PASID prefix). `EFAULT`: blocked. */
  read(pasid: number | null, address: bigint, into: Uint8Array, privileged?: boolean): Steps<Result<void, 'EFAULT'>>;
  write(pasid: number | null, address: bigint, from: Uint8Array, privileged?: boolean): Steps<Result<void, 'EFAULT'>>;
}

/** Who takes memory writes to the interrupt range: interrupt remapping. */
export interface InterruptSink {
  message(requesterId: number, addressHi: number, addressLo: number, data: number): void;
}

interface Request {
  readonly requesterId: number;
  readonly pasid: number | null;
  readonly privileged: boolean;
  readonly kind: Kind;
  readonly address: bigint;
  readonly bytes: Uint8Array;
}

interface Piece {
  readonly memory: Memory;
  readonly offset: number;
  readonly part: Uint8Array;
}

/** 1 MiB that means interrupts to requests without PASID (VT-d 3.14). */
const INTERRUPTS = { first: 0xfee00000n, end: 0xfef00000n } as const;
const pageRequest = point('memory', 'page request');

export class DmaRemapping {
  readonly log: FaultLog;
  readonly #tables: RemappingTables;
  readonly #domains: DomainRegistry;
  readonly #features: Features;
  readonly #trace: Trace;
  readonly #interrupts: InterruptSink | undefined;
  readonly #state: { last: DmaFault | null; pageRequests: number };

  constructor(
    ports: { state: StatePort; trace: Trace; interrupts?: InterruptSink | undefined; faultEvent?: (() => void) | undefined },
    name: string,
    parts: { tables: RemappingTables; domains: DomainRegistry; features: Features; faultRecords?: number | undefined },
  ) {
    this.#tables = parts.tables;
    this.#domains = parts.domains;
    this.#features = parts.features;
    this.#trace = ports.trace;
    this.#interrupts = ports.interrupts;
    this.#state = ports.state.record(`${name}/last-fault`, { last: null as DmaFault | null, pageRequests: 0 });
    const { faultRecords, } = parts;
    this.log = new FaultLog(ports.state, `${name}/faults`, {
      ...(faultRecords === undefined ? {} : { records: faultRecords }),
      ...(ports.faultEvent === undefined ? {} : { event: ports.faultEvent }),
    });
  }

  /** The last that was recorded, whether a register was free for it or not. */
  get lastFault(): DmaFault | null {
    return this.#state.last;
  }

  /** Pages devices asked for. */
  get pageRequests(): number {
    return this.#state.pageRequests;
  }

  access(requesterId: number): DmaAccess {
    const of = (kind: Kind) => (pasid: number | null, address: bigint, bytes: Uint8Array, privileged = false) => {
      const request = { requesterId, pasid, privileged, kind, address, bytes };
      if (!this.#trace.enabled) return this.#serve(request);
      return this.#trace.cross('iommu', `dma_${kind}`, { pasid, address, size: bytes.length }, this.#serve(request));
    };
    return { read: of('read'), write: of('write') };
  }

  /** A request that crosses into what it may not reach moves nothing. */
  *#serve(request: Request): Steps<Result<void, 'EFAULT'>> {
    const { pasid, address, bytes } = request;
    const meetsInterrupts = address < INTERRUPTS.end && address + BigInt(bytes.length) > INTERRUPTS.first;
    if (pasid === null && meetsInterrupts) return this.#interrupt(request);
    for (;;) {
      const target = walk(this.#tables, request.requesterId, pasid);
      if ('fault' in target) return this.#fault(request, target.fault, address, target.silent);
      if (request.privileged && pasid !== null && !target.supervisor) return this.#fault(request, 'supervisor-request', address, target.silent);
      if (target.type === 'pass-through' && meetsInterrupts) return this.#fault(request, 'interrupt-address', address, target.silent);
      const domain = this.#domains.at(target.address);
      const pieces: Piece[] = [];
      const missing = this.#translate(request, target, domain, pieces);
      if (missing === null) return move(request.kind, pieces);
      if (!(yield* this.#pageIn(request, missing, domain))) return this.#fault(request, missing.reason, missing.address, target.silent);
      // The tables may have changed meanwhile: from the beginning.
    }
  }

  /** VT-d 3.14, 5.1: one double word, written, is an interrupt request; what else goes there is blocked (inferred). */
  #interrupt(request: Request): Result<void, 'EFAULT'> {
    const { kind, address, bytes, requesterId } = request;
    if (this.#interrupts === undefined || kind === 'read' || bytes.length !== 4 || address % 4n !== 0n) {
      return this.#fault(request, 'interrupt-address', address, false);
    }
    const data = new DataView(bytes.buffer, bytes.byteOffset, 4).getUint32(0, true);
    this.#interrupts.message(requesterId, 0, Number(address), data);
    return ok();
  }

  /** Fills `pieces`; the first address that cannot be reached, or null. */
  #translate(request: Request, target: WalkTarget, domain: PagingDomain, pieces: Piece[]): { address: bigint; reason: DmaFaultReason } | null {
    const { address, bytes, kind } = request;
    for (let done = 0; done < bytes.length; ) {
      const at = address + BigInt(done);
      if (domain instanceof AddressSpace && domain.supervisor && !request.privileged) return { address: at, reason: 'user-request' };
      const found = domain.translate(at, kind);
      if (found === null) return { address: at, reason: this.#refusal(target, domain, at, kind) };
      const size = Math.min(found.left, bytes.length - done);
      pieces.push({ memory: found.memory, offset: found.offset, part: bytes.subarray(done, done + size) });
      done += size;
    }
    return null;
  }

  #refusal(target: WalkTarget, domain: PagingDomain, at: bigint, kind: Kind): DmaFaultReason {
    if (!this.#tables.scalable) return kind === 'write' ? 'legacy-no-write' : 'legacy-no-read';
    if (target.type !== 'first-level') return 'second-level-permission';
    return kind === 'write' && domain.translate(at, 'read') !== null ? 'first-level-no-write' : 'first-level-not-present';
  }

  /** A page request and its answer (PRI): whether the page is there now. */
  *#pageIn(request: Request, missing: { address: bigint; reason: DmaFaultReason }, domain: PagingDomain): Steps<boolean> {
    const asked = missing.reason === 'first-level-not-present' || missing.reason === 'first-level-no-write';
    if (!asked || request.pasid === null || !(domain instanceof AddressSpace) || !this.#features.has(request.requesterId, 'iopf')) return false;
    yield pageRequest;
    this.#state.pageRequests += 1;
    if (domain.handleFault?.(missing.address, request.kind) !== true) return false;
    // An answer that says "mapped" and is not would be asked for again, for ever.
    return domain.translate(missing.address, request.kind) !== null;
  }

  #fault(request: Request, reason: DmaFaultReason, address: bigint, silent: boolean): Failure<'EFAULT'> {
    const { requesterId, pasid, kind, privileged } = request;
    if (!silent) {
      this.#state.last = { requesterId, pasid, address, kind, reason };
      this.log.record({ sourceId: requesterId, code: DMA_FAULT[reason], info: address & ~0xfffn, pasid, read: kind === 'read', privileged });
    }
    const who = `requester 0x${requesterId.toString(16)}${pasid === null ? '' : `, PASID ${pasid}`}`;
    return fail('EFAULT', `DMA ${kind} at 0x${address.toString(16)} by ${who}: ${reason}`);
  }
}

function move(kind: Kind, pieces: readonly Piece[]): Result<void, 'EFAULT'> {
  for (const { memory, offset, part } of pieces) {
    if (kind === 'read') memory.read(offset, part);
    else memory.write(offset, part);
  }
  return ok();
}
