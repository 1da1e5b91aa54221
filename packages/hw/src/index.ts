export type { DsaOptions, ImsEntryView, WqModeView } from './dsa-function.ts';
export { DsaFunction } from './dsa-function.ts';
export type { EntryPermission, PermissionCheck } from './interrupt-permission.ts';
export { permits } from './interrupt-permission.ts';
export type { DeviceAgent, DmaPort, HwPorts, InterruptPort, PortalPort } from './ports.ts';
