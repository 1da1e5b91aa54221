export * from './bar0-capabilities.ts';
export * from './bar0-errors.ts';
export * from './bar0-general.ts';
export * from './bar0-v3.ts';
export type { CommandCode, HandleOperand } from './command.ts';
export { COMMAND, COMMAND_ERROR, command, COMMANDS_WITHOUT_CMDCAP, handleOfOperand, handleOperand, wqOperand, wqsOfOperand } from './command.ts';
export type { CompletionRecord } from './completion-record.ts';
export { COMPLETION_FAULT_WRITE, COMPLETION_RECORD_SIZE, decodeCompletionRecord, encodeCompletionRecord } from './completion-record.ts';
export type { Descriptor } from './descriptor.ts';
export {
  COMMON_FLAGS, decodeDescriptor, DESCRIPTOR_FLAG, DESCRIPTOR_SIZE, DescriptorOperation, DescriptorPasid, encodeDescriptor,
} from './descriptor.ts';
export type { EventLogEntry } from './event-log.ts';
export {
  decodeEventLogEntry, encodeEventLogEntry, EVENT_LOG_MIN_SIZE, eventLogEntrySize, EventLogEntry0, EventLogEntry1, HandleInfo,
} from './event-log.ts';
export type { Gate } from './gate.ts';
export { GATE } from './gate.ts';
export { Grpcfg, GRPCFG_SIZE } from './grpcfg.ts';
export { IMS_ADDRESS_WINDOW, IMS_ENTRY_SIZE, IMS_SIZE_UNIT, ImsEntry } from './ims-table.ts';
export { MSIX_ENTRY_SIZE, MsixEntry, MsixPending, Msixperm, MSIXPERM_SIZE } from './msix-table.ts';
export type { Operation } from './operation.ts';
export { OPCODE, OPERATIONS } from './operation.ts';
export * from './pci-capabilities.ts';
export * from './pci-extended-capabilities.ts';
export * from './pci-header.ts';
export { Perfmon } from './perfmon.ts';
export type { Portal } from './portal.ts';
export { PORTAL_SIZE, PORTAL_SLOT_SIZE, portalOf, portalOffset, PORTALS_PER_WQ_SIZE } from './portal.ts';
export type { DsaLayout, DsaProfile } from './profile.ts';
export { defineProfile, layoutOf, withEventLog } from './profile.ts';
export { checkProfile } from './profile-check.ts';
export { resetBar0To, resetConfigTo } from './profile-values.ts';
export { DSA_EVENT_LOG, DSA_SMALL, DSA_SPR } from './profiles.ts';
export type { DeclaredRegister, RegisterWindow } from './register-window.ts';
export { bar0Windows, configWindows, placementsOf, registerName } from './register-window.ts';
export type { CompletionStatus } from './status.ts';
export { COMPLETION_STATUS, EVENT_LOG_STATUS, SOFTWARE_ERROR, statusName } from './status.ts';
export { WQ_STATE, Wqcfg, WqcfgOperations, wqcfgSize } from './wqcfg.ts';
