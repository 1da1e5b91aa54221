export type { VectorNotifier } from './msix-table.ts';
export { MsixTable } from './msix-table.ts';
export type { VmmOptions, VmmPorts } from './vfio-pci.ts';
export { VfioPci } from './vfio-pci.ts';
