// A profile's values in the register files of a device that has it: what a reset leaves.
import type { RegisterFile } from '@siov/base';
import { CMDCAP, ENGCAP, GENCAP, GRPCAP, OFFSETS, OFFSETS_HI, OPCAP, VERSION, WQCAP } from './bar0-capabilities.ts';
import { MSGCTL, MSIX_PBA, MSIX_TABLE } from './pci-capabilities.ts';
import { CLASS, VENDOR } from './pci-header.ts';
import type { DsaProfile } from './profile.ts';

/** Resets config space and puts in whose function it is and where its MSI-X table lies. */
export function resetConfigTo(config: RegisterFile, profile: DsaProfile): void {
  config.reset();
  config.set(VENDOR, VENDOR.of({ vendor: profile.vendor, device: profile.device }));
  config.set(CLASS, CLASS.of({ revision: profile.revision }));
  config.set(MSGCTL, MSGCTL.of({ tableSize: profile.msix.count - 1 }));
  config.set(MSIX_TABLE, MSIX_TABLE.of({ bir: 0, offset8: profile.msix.table / 8 }));
  config.set(MSIX_PBA, MSIX_PBA.of({ bir: 0, offset8: profile.msix.pba / 8 }));
}

/** Resets BAR0 and puts in what the device says of itself. */
export function resetBar0To(bar0: RegisterFile, profile: DsaProfile): void {
  bar0.reset();
  bar0.set(VERSION, profile.VERSION);
  bar0.set(GENCAP, profile.GENCAP);
  bar0.set(WQCAP, profile.WQCAP);
  bar0.set(GRPCAP, profile.GRPCAP);
  bar0.set(ENGCAP, profile.ENGCAP);
  bar0.set(OPCAP[0], profile.OPCAP);
  bar0.set(OFFSETS, profile.OFFSETS);
  bar0.set(OFFSETS_HI, profile.OFFSETS_HI);
  bar0.set(CMDCAP, profile.CMDCAP);
}
