// For tests of chips and domains built on this package: what each has to satisfy, whatever its hardware. Made of plain
// functions that throw, so that any test runner can run them.
export type { ChipRig, StoredEntry } from './testing-chip-entry.ts';
export type { TestFunction } from './testing-irq-chip.ts';
export { irqChipContract } from './testing-irq-chip.ts';
export type { MsiDomainRig } from './testing-msi-domain.ts';
export { msiDomainContract } from './testing-msi-domain.ts';
