// IOMMU management: PASIDs, who holds them, table entries, and interrupt remapping.
import type { Mutant } from './mutant.ts';

export const IN_IOMMU: readonly Mutant[] = [
  {
    name: 'holding counts nothing',
    file: 'packages/iommu/src/attachments.ts',
    from: '        state.holds += 1;\n',
    to: '',
    check: 'host/set-up',
    finds: 'I10',
    why: 'A PASID that an entry carries can be detached.',
  },
  {
    name: 'releasing counts nothing',
    file: 'packages/iommu/src/attachments.ts',
    from: '        state.holds -= 1;\n',
    to: '',
    check: 'host/leave',
    finds: 'no agent throws',
    why: 'The PASID stays attached for entries that do not carry it any more.',
  },
  {
    name: 'PASID of a detached device not freed',
    file: 'packages/iommu/src/pasid-operations.ts',
    from: '      if (detached.ok) this.parts.pasids.free(DEFAULT, pasid);\n',
    to: '',
    check: 'host/leave',
    finds: 'nothing left behind',
    why: 'Attaching and detaching uses the PASIDs up.',
  },
  {
    name: 'table entry forgotten at the detachment',
    file: 'packages/iommu/src/attachments.ts',
    from: '      this.#entries.delete(key);\n',
    to: '',
    check: 'host/leave',
    finds: 'nothing left behind',
    why: 'The next device with that PASID is refused, or reaches the former one’s memory.',
  },
  {
    name: 'user of a PASID not given back',
    file: 'packages/iommu/src/attachments.ts',
    from: '    this.#pasids.use(pasid, -1);\n',
    to: '',
    check: 'mdev-vsvm/leave (dynamic)',
    finds: 'no agent throws',
    why: 'The guest’s PASID is in use for ever.',
  },
  {
    name: 'remapping entry not given back',
    file: 'packages/iommu/src/remapping-domain.ts',
    from: '    this.#indices.free(data.hwirq);\n',
    to: '',
    check: 'mdev/leave (dynamic)',
    finds: 'nothing left behind',
    why: 'Each guest that leaves takes an entry of the remapping table with it.',
  },
];
