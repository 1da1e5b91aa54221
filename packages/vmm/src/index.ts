export type { VectorNotifier } from './msix-table.ts';
export { MsixTable } from './msix-table.ts';
export { PasidTranslation } from './pasid-translation.ts';
export type { VmmOptions, VmmPolicy, VmmPorts } from './ports.ts';
export type { Message, Posting } from './posting.ts';
export { postedTarget } from './posting.ts';
export { VfioPci } from './vfio-pci.ts';
export type { BindPasidErrno, MapPasidErrno, UnbindPasidErrno } from './virtual-iommu.ts';
