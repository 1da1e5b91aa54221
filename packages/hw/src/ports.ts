// What the device needs of its surroundings, and what it is to them.
import type { Result, StatePort, Steps, Trace } from '@siov/base';

/** The device's way to memory. Addresses are bus addresses, 64 bits; whoever is behind it translates and checks them. */
export interface DmaPort {
  /**
   * Fills `into`; `pasid` null: a request without PASID. `privileged`: with the rights of the kernel (PR of the PASID
   * prefix). `EFAULT`: no translation, or no permission.
   */
  read(pasid: number | null, address: bigint, into: Uint8Array, privileged: boolean): Steps<Result<void, 'EFAULT'>>;
  /** Writes `from`; errors as {@link read}. An aligned write of 8 bytes must become visible at once. */
  write(pasid: number | null, address: bigint, from: Uint8Array, privileged: boolean): Steps<Result<void, 'EFAULT'>>;
}

/** Where messages go. */
export interface InterruptPort {
  /**
   * A posted memory write of the 32 bits `data`, never with a PASID (VT-d: requests to the interrupt range have none).
   * The address comes in two halves of 32 bits; all three are integers whose sign means nothing. It is over when the call returns; whoever is woken
   * by it runs later, as an agent of his own.
   */
  message(addressHi: number, addressLo: number, data: number): void;
}

export interface HwPorts {
  readonly state: StatePort;
  readonly trace?: Trace;
  readonly dma: DmaPort;
  readonly interrupts: InterruptPort;
}

/** BAR2: takes whole descriptors. Offsets are bytes from its start. */
export interface PortalPort {
  /** MOVDIR64B: one posted write. Whatever is not a submission the addressed queue can take is dropped. */
  submit(offset: number, descriptor: Uint8Array): Steps<void>;
  /** ENQCMD: a deferrable write. True: accepted; false: retry (ZF set). */
  enqueue(offset: number, descriptor: Uint8Array): Steps<boolean>;
}

/** A long-lived agent of the device: it runs for ever and waits where it has nothing to do. */
export interface DeviceAgent {
  readonly name: string;
  readonly steps: Steps<never>;
}
