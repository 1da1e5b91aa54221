// A board with one device on it: memory that can refuse, interrupts that are written down, and a CPU that runs programs
// against the device while its agents go on.
import { bufferMemory, Executor, fail, must, ok, plainState, point, recordTrace } from '@siov/base';
import type { AccessPort, AccessSize, Image, Memory, Result, StatePort, Steps, TraceEvent, Width } from '@siov/base';
import {
  CMD, CMDSTATUS, COMMAND, command, decodeCompletionRecord, DESCRIPTOR_FLAG, DSA_SPR, encodeDescriptor, Grpcfg, GRPCFG_SIZE, IMS_ENTRY_SIZE, ImsEntry,
  layoutOf, MSGCTL, MsixEntry, PASIDCTL, PCICMD, portalOffset, Wqcfg, wqOperand,
} from '@siov/datasheet';
import type { CommandCode, CompletionRecord, Descriptor, DsaProfile, Portal } from '@siov/datasheet';
import { DsaFunction } from '../src/index.ts';
import type { DsaOptions } from '../src/index.ts';

export const MEMORY_SIZE = 1 << 20;
/** Messages of vector n and of IMS entry n, so that a test can tell them apart. */
export const msixData = (vector: number) => 0x100 + vector;
export const imsData = (entry: number) => 0x1000 + entry;
export const RECORD = 0x8000n;

export interface WqSetup {
  readonly size?: number;
  readonly threshold?: number;
  readonly dedicated?: boolean;
  readonly pasid?: number | null;
  readonly priv?: boolean;
  readonly priority?: number;
  readonly group?: number;
  readonly engines?: readonly number[];
}

const answered = point('memory', 'DMA answered');

interface Registered<N extends string, W extends Width> {
  readonly offset: number;
  readonly width: W;
  readonly reset: Image<N, W>;
  image(raw: number | bigint): Image<N, W>;
}

export class Board {
  readonly executor = new Executor();
  readonly memory: Memory = bufferMemory(new Uint8Array(MEMORY_SIZE));
  readonly messages: { address: bigint; data: number }[] = [];
  readonly accesses: { pasid: number | null; write: boolean; address: bigint; length: number }[] = [];
  /** Accesses to memory that were not answered yet. */
  outstanding = 0;
  /** Whether each access to memory had the rights of the kernel. */
  readonly privileged: boolean[] = [];
  readonly events: TraceEvent[] = [];
  readonly device: DsaFunction;
  readonly profile: DsaProfile;
  /** Pages that refuse, by page number. */
  readonly unmapped = new Set<bigint>();
  readonly #cpu = { name: 'CPU', layer: 'test' };

  constructor(profile: DsaProfile = DSA_SPR, agents: 'agents' | 'none' = 'agents', options: DsaOptions & { state?: StatePort } = {}) {
    this.profile = profile;
    const trace = recordTrace(this.executor, () => 0, (event) => this.events.push(event));
    const dma = (write: boolean) => (pasid: number | null, address: bigint, bytes: Uint8Array, privileged: boolean) => {
      this.privileged.push(privileged);
      return this.#dma(write, pasid, address, bytes);
    };
    this.device = new DsaFunction('dsa0', profile, {
      state: options.state ?? plainState,
      trace,
      dma: { read: dma(false), write: dma(true) },
      interrupts: { message: (hi, lo, data) => void this.messages.push({ address: (BigInt(hi >>> 0) << 32n) | BigInt(lo >>> 0), data: data >>> 0 }) },
    }, options);
    if (agents === 'agents') for (const { name, steps } of this.device.engines()) this.executor.spawn({ name, layer: 'hw' }, steps);
  }

  /** Runs steps as the CPU; agents run only where they are waited for. */
  run<T>(steps: Steps<T>): T {
    return this.executor.run(this.#cpu, steps);
  }

  settle(): void {
    this.executor.settle();
  }

  /** The messages since the last call. */
  take(): number[] {
    return this.messages.splice(0).map(({ data }) => data);
  }

  read<N extends string, W extends Width>(register: Registered<N, W>, base = 0, port: AccessPort = this.device.bar0): Image<N, W> {
    const at = base + register.offset;
    return register.image(this.run<number | bigint>(register.width === 64 ? port.read64(at) : port.read(at, (register.width / 8) as AccessSize)));
  }

  write<N extends string, W extends Width>(register: Registered<N, W>, image: Image<N, W>, base = 0, port: AccessPort = this.device.bar0): void {
    const at = base + register.offset;
    this.run(register.width === 64 ? port.write64(at, image as bigint) : port.write(at, (register.width / 8) as AccessSize, image as number));
  }

  config<N extends string, W extends Width>(register: Registered<N, W>): Image<N, W> {
    return this.read(register, 0, this.device.config);
  }

  setConfig<N extends string, W extends Width>(register: Registered<N, W>, image: Image<N, W>): void {
    this.write(register, image, 0, this.device.config);
  }

  wq(wq: number): number {
    const { offsets, wqcfgSize } = layoutOf(this.profile);
    return offsets.wqcfg + wq * wqcfgSize;
  }

  group(group: number): number {
    return layoutOf(this.profile).offsets.grpcfg + group * GRPCFG_SIZE;
  }

  ims(entry: number): number {
    return layoutOf(this.profile).offsets.ims + entry * IMS_ENTRY_SIZE;
  }

  msixperm(vector: number): number {
    return layoutOf(this.profile).offsets.msixperm + 8 * vector;
  }

  /** Runs a command to its end and gives CMDSTATUS. Polled unless an interrupt is asked for. */
  command(code: CommandCode, operand = 0, interrupt = false): typeof CMDSTATUS.reset {
    this.write(CMD, command(code, operand, interrupt));
    this.settle();
    return this.read(CMDSTATUS);
  }

  wqCommand(code: CommandCode, ...wqs: number[]): typeof CMDSTATUS.reset {
    return this.command(code, must(wqOperand(wqs), 'operand'));
  }

  /** Memory space and bus master on, MSI-X on with all vectors unmasked, PASIDs on if asked for. */
  powerOn({ pasids = false, msix = true } = {}): this {
    this.setConfig(PCICMD, PCICMD.of({ memorySpaceEnable: 1, busMasterEnable: 1 }));
    if (pasids) this.setConfig(PASIDCTL, PASIDCTL.of({ enable: 1, privilegedEnable: 1 }));
    if (!msix) return this;
    this.setConfig(MSGCTL, MSGCTL.of({ enable: 1 }));
    for (let vector = 0; vector < this.profile.msix.count; vector++) {
      const base = this.profile.msix.table + 16 * vector;
      this.write(MsixEntry.AddressLo, MsixEntry.AddressLo.image(0xfee00000), base);
      this.write(MsixEntry.Data, MsixEntry.Data.image(msixData(vector)), base);
      this.write(MsixEntry.Control, MsixEntry.Control.of({ mask: 0 }), base);
    }
    return this;
  }

  setUpIms(entry: number, pasid: number | null, mask = false): void {
    this.write(ImsEntry.Data, ImsEntry.Data.image(imsData(entry)), this.ims(entry));
    const control = { mask: mask ? 1 : 0, pasidEnable: pasid === null ? 0 : 1, pasid: pasid ?? 0 };
    this.write(ImsEntry.Control, ImsEntry.Control.of(control), this.ims(entry));
  }

  configureWq(wq: number, { size = 16, threshold = 0, dedicated = true, pasid = null, priv = false, priority = 10 }: WqSetup = {}): void {
    const base = this.wq(wq);
    this.write(Wqcfg.Size, Wqcfg.Size.of({ size }), base);
    this.write(Wqcfg.Threshold, Wqcfg.Threshold.of({ threshold }), base);
    const mode = { dedicated: dedicated ? 1 : 0, priority, pasid: pasid ?? 0, pasidEnable: pasid === null ? 0 : 1, priv: priv ? 1 : 0 };
    this.write(Wqcfg.Mode, Wqcfg.Mode.of(mode), base);
    this.write(Wqcfg.Limits, Wqcfg.Limits.of({ maxTransferShift: 16, maxBatchShift: 5 }), base);
  }

  configureGroup(group: number, wqs: readonly number[], engines: readonly number[]): void {
    const bitmap = (members: readonly number[]) => members.reduce((sum, member) => sum | (1n << BigInt(member)), 0n);
    this.write(Grpcfg.Wqs[0], Grpcfg.Wqs[0].of({ members: bitmap(wqs) }), this.group(group));
    this.write(Grpcfg.Engines, Grpcfg.Engines.of({ members: bitmap(engines) }), this.group(group));
  }

  /** A running device with one queue in one group. */
  enable(setup: WqSetup = {}, wq = 0): this {
    this.configureWq(wq, setup);
    this.configureGroup(setup.group ?? 0, [wq], setup.engines ?? [0]);
    must(this.command(COMMAND.ENABLE_DEVICE) === 0 ? ok() : fail('EIO', 'enable device'), 'board');
    must(this.command(COMMAND.ENABLE_WQ, wq) === 0 ? ok() : fail('EIO', 'enable queue'), 'board');
    return this;
  }

  submit(fields: Partial<Descriptor>, portal: Partial<Portal> = {}): void {
    this.run(this.device.portals.submit(portalOffset({ wq: 0, limited: true, ims: false, ...portal }), encodeDescriptor(fields)));
  }

  enqueue(fields: Partial<Descriptor>, portal: Partial<Portal> = {}): boolean {
    return this.run(this.device.portals.enqueue(portalOffset({ wq: 0, limited: true, ims: false, ...portal }), encodeDescriptor(fields)));
  }

  /** A descriptor list in memory. */
  writeDescriptors(address: bigint, list: readonly Partial<Descriptor>[]): void {
    for (const [index, fields] of list.entries()) this.memory.write(Number(address) + 64 * index, encodeDescriptor(fields));
  }

  /** Submits one descriptor, lets the device finish and gives the record at RECORD (status 0: none was written). */
  perform(fields: Partial<Descriptor>, portal: Partial<Portal> = {}): CompletionRecord {
    this.memory.write(Number(RECORD), new Uint8Array(32));
    const flags = DESCRIPTOR_FLAG.COMPLETION_RECORD_ADDRESS_VALID | DESCRIPTOR_FLAG.REQUEST_COMPLETION_RECORD | (fields.flags ?? 0);
    this.submit({ completionRecord: RECORD, ...fields, flags }, portal);
    this.settle();
    return this.record(RECORD);
  }

  record(address: bigint): CompletionRecord {
    return decodeCompletionRecord(this.bytes(address, 32));
  }

  bytes(address: bigint, length: number): Uint8Array {
    const into = new Uint8Array(length);
    this.memory.read(Number(address), into);
    return into;
  }

  *#dma(write: boolean, pasid: number | null, address: bigint, bytes: Uint8Array): Steps<Result<void, 'EFAULT'>> {
    this.accesses.push({ pasid, write, address, length: bytes.length });
    const end = address + BigInt(bytes.length);
    for (let page = address >> 12n; page << 12n < end; page++) {
      if (this.unmapped.has(page) || end > BigInt(MEMORY_SIZE)) return fail('EFAULT', `no translation for 0x${address.toString(16)}`);
    }
    if (write) this.memory.write(Number(address), bytes);
    else this.memory.read(Number(address), bytes);
    // The answer takes its time.
    this.outstanding += 1;
    yield answered;
    this.outstanding -= 1;
    return ok();
  }
}

