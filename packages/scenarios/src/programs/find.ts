// What an operation's numbers mean on a machine as it is now.
import type { PasidWitness } from '@siov/device';
import type { PagingDomain } from '@siov/iommu';
import type { ProgramMachine } from './machine.ts';
import { MMS, SEATS } from './operation.ts';
import type { Identity, Interrupt, Seat } from './operation.ts';

/** An address space with the memory of the device on `seat`. */
export function attachable(machine: ProgramMachine, seat: Seat): PagingDomain {
  return machine.newSpace(machine.seats.get(seat)?.memory ?? new Uint8Array(4096));
}

/** What a descriptor names to use an interrupt's entry; where there is none, some entry that may be anybody's. */
export function handleOf(machine: ProgramMachine, { device, index }: Interrupt): number {
  return machine.desc(device, index)?.hwirq ?? (device * 3 + index) % machine.subject.entries;
}

/** The witness an allocation for `seat` brings; undefined where there is none to bring. An ended one is one. */
export function witnessFor(machine: ProgramMachine, seat: Seat, id: Identity): PasidWitness | undefined {
  const device = machine.device(seat);
  if (device === undefined) return undefined;
  if (id === 'default') return device.iommu.witness ?? undefined;
  if (id === 'sva') return first(MMS, (mm) => machine.bonds.get(`${seat}/${mm}`)?.witness);
  if (id === 'foreign') return first(SEATS, (other) => (other === seat ? undefined : (machine.device(other)?.iommu.witness ?? undefined)));
  for (const { spid } of machine.set.list()) {
    const found = spid === null ? undefined : machine.host.iommu.resolveGuest(machine.set, device, spid);
    if (found?.ok === true) return found.value;
  }
  return undefined;
}

function first<T>(count: number, find: (each: number) => T | undefined): T | undefined {
  for (let each = 0; each < count; each++) {
    const found = find(each);
    if (found !== undefined) return found;
  }
  return undefined;
}
