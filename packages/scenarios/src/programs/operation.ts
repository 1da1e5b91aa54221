// What can be done to a machine, as plain data: a program is a list of these, and can be pasted into a test as it is.

/** Seats 0 to 4 are those of virtual devices, of which the function has queues for {@link QUEUES}; {@link FUNCTION} is the function itself. */
export type Seat = number;

/** A virtual device's interrupt 0 is behind vector 1 of its guest; the others, and all of the function, are the host's own. */
export interface Interrupt {
  readonly device: Seat;
  readonly index: number;
}

/** Whose PASID an allocation brings: the device's own, that of an address space bound to it, of a guest's PASID, of another device. */
export type Identity = 'default' | 'sva' | 'guest' | 'foreign';

/**
 * How many turns each agent has before the next operation begins: with 0 the device has not looked at what was submitted,
 * with 1 no CPU has taken the interrupt. Absent: as many as they want, until all are at rest.
 */
export interface Submitted {
  readonly turns?: number;
}

export type Operation =
  // The devices
  | { readonly op: 'create' | 'remove' | 'attach' | 'detach' | 'release'; readonly device: Seat }
  | { readonly op: 'rebind' }
  // PASIDs: `member` of the machine's set, in its order; `mm`: an address space
  | { readonly op: 'allocPasid' }
  | { readonly op: 'freePasid'; readonly member: number }
  | { readonly op: 'setGuestId'; readonly member: number; readonly id: number }
  | { readonly op: 'attachGuest' | 'detachGuest'; readonly device: Seat; readonly member: number }
  | { readonly op: 'bind' | 'unbind'; readonly device: Seat; readonly mm: number }
  // The guest's interrupts
  | { readonly op: 'arm' | 'disarm' | 'loopback'; readonly device: Seat; readonly vector: number }
  | { readonly op: 'armBlock' | 'disarmAll' | 'requestHandle' | 'releaseHandle'; readonly device: Seat }
  // The host's interrupts
  | ({ readonly op: 'allocate'; readonly id: Identity } & Interrupt)
  | ({ readonly op: 'free' | 'request' | 'freeIrq' | 'disable' | 'enable' } & Interrupt)
  | ({ readonly op: 'move'; readonly cpu: number } & Interrupt)
  | { readonly op: 'storm'; readonly device: Seat; readonly request: boolean }
  // The CPUs
  | { readonly op: 'cpuDown' | 'cpuUp'; readonly cpu: number }
  // The device and what is submitted to it
  | { readonly op: 'reset' | 'resetDevice' | 'enableQueue' | 'disableQueue'; readonly device: Seat }
  | ({ readonly op: 'submit'; readonly device: Seat; readonly names: Interrupt } & Submitted)
  | ({ readonly op: 'submitShared'; readonly pasid: number; readonly names: Interrupt } & Submitted)
  | ({ readonly op: 'batch'; readonly device: Seat; readonly names: readonly Interrupt[] } & Submitted)
  // What comes from nowhere
  | { readonly op: 'spurious'; readonly cpu: number }
  | ({ readonly op: 'forge' } & Interrupt);

export type OperationKind = Operation['op'];

/** Every kind, for those who count. */
export const OPERATION_KINDS = [
  'create', 'remove', 'attach', 'detach', 'release', 'rebind', 'allocPasid', 'freePasid', 'setGuestId', 'attachGuest', 'detachGuest', 'bind', 'unbind',
  'arm', 'disarm', 'loopback', 'armBlock', 'disarmAll', 'requestHandle', 'releaseHandle', 'allocate', 'free', 'request', 'freeIrq', 'disable', 'enable',
  'move', 'storm', 'cpuDown', 'cpuUp', 'reset', 'resetDevice', 'enableQueue', 'disableQueue', 'submit', 'submitShared', 'batch', 'spurious', 'forge',
] as const satisfies readonly OperationKind[];

export type Program = readonly Operation[];

/** Virtual devices there can be at once. */
export const QUEUES = 4;
export const SEATS = QUEUES + 1;
/** The seat of the function itself, for its own interrupts. */
export const FUNCTION = SEATS;
/** Interrupts of a device that programs name: 0 to this. */
export const INDICES = 3;
export const CPUS = 8;
export const MMS = 2;
