export type { InterruptFault } from './interrupt-remapping.ts';
export { InterruptRemapping, IR_FAULT, isInterruptAddress } from './interrupt-remapping.ts';
export type { DmaAccess, DmaFault, IommuOptions } from './iommu.ts';
export { Iommu } from './iommu.ts';
export type { IommuMapping, PagingDomainOptions } from './paging-domain.ts';
export { PagingDomain } from './paging-domain.ts';
export { FIRST_GLOBAL_PASID, PASID_WIDTH, PasidAllocator } from './pasid.ts';
export { composeRemappableMsg, parseRemappableMsg } from './remappable-message.ts';
export { enablePciPasid } from './pci-pasid.ts';
