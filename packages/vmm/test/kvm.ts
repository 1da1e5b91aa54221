// KVM's irqfds without a VMM around them.
import { noTrace, plainState } from '@siov/base';
import type { Steps } from '@siov/base';
import { IrqBypass } from '@siov/vfio';
import { ErrorLog } from '../src/error-log.ts';
import { KvmIrqfds } from '../src/kvm-irqfds.ts';

export const message = (data: number, address = 0xfee00000n) => ({ address, data });

/** KVM with a list of what reached the guest, and whether signallers can inject. */
export function kvm(options: { atomic?: boolean } = {}) {
  const injected: string[] = [];
  const log = new ErrorLog(plainState, 'vm');
  const state = { atomic: options.atomic ?? false };
  const bypass = new IrqBypass(plainState, 'host');
  const ports = {
    state: plainState,
    trace: noTrace,
    *inject(_address: bigint, data: number): Steps<void> {
      injected.push(`work ${data}`);
    },
    injectInAtomic(_address: bigint, data: number) {
      if (state.atomic) injected.push(`atomic ${data}`);
      return state.atomic;
    },
    bypass,
    posting: { descriptor: 0x40n },
  };
  return { injected, log, state, bypass, irqfds: new KvmIrqfds(ports, log, 'vm') };
}
