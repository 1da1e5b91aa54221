// Who can make a device work besides the host kernel. An entry of the message store that checks no PASID is safe only
// while nobody can (R3); the two facts exclude each other here, whichever comes first.
import { fail, ok } from '@siov/base';
import type { Result, StatePort } from '@siov/base';

export class Submitters {
  readonly #name: string;
  readonly #state: { portals: number; unchecked: number };

  constructor(state: StatePort, device: string) {
    this.#name = device;
    this.#state = state.record(`device/${device}/submitters`, { portals: 0, unchecked: 0 });
  }

  /** Portals mapped into user space or a guest. */
  get portals(): number {
    return this.#state.portals;
  }

  /** Interrupt domains that check no PASID. */
  get unchecked(): number {
    return this.#state.unchecked;
  }

  /** Before a portal is mapped for anybody but the host kernel. `EPERM` while a domain checks no PASID. */
  exposePortal(): Result<void, 'EPERM'> {
    if (this.#state.unchecked > 0) {
      return fail('EPERM', `${this.#name}: its portals are the host kernel's alone while one of its interrupt domains checks no PASID`);
    }
    this.#state.portals += 1;
    return ok();
  }

  /** The mapping is gone. */
  withdrawPortal(): void {
    this.#state.portals -= 1;
  }

  /** Before a domain that checks no PASID is made. `EPERM` while anybody but the host kernel can submit. */
  skipChecks(): Result<void, 'EPERM'> {
    if (this.#state.portals > 0) {
      return fail('EPERM', `${this.#name}: ${this.#state.portals} portals are mapped for others than the host kernel: its interrupts need a PASID check`);
    }
    this.#state.unchecked += 1;
    return ok();
  }

  /** That domain is gone. */
  resumeChecks(): void {
    this.#state.unchecked -= 1;
  }
}
