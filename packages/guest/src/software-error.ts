// SWERROR decoded: an error that has no completion record, as the driver logs it.
import type { ImageOf } from '@siov/base';
import { SWERROR0, SWERROR1, SWERROR2 } from '@siov/datasheet';

/** Fields that the device does not vouch for are null. */
export interface SoftwareError {
  /** A completion status code, or one of SOFTWARE_ERROR. */
  readonly error: number;
  /** Another error came before this one was read, and is lost. */
  readonly overflow: boolean;
  readonly wq: number | null;
  readonly descriptor: {
    readonly operation: number;
    readonly pasid: number;
    readonly priv: boolean;
    /** Of a member of a batch. */
    readonly batchIndex: number | null;
  } | null;
  /** 32 bits by the error's code: invalid flags, or the interrupt handle in the low 16. */
  readonly info: number | null;
  readonly faultAddress: bigint;
  readonly faultWrite: boolean;
}

export function decodeSoftwareError(first: ImageOf<typeof SWERROR0>, second: ImageOf<typeof SWERROR1>, third: ImageOf<typeof SWERROR2>): SoftwareError {
  const fields = SWERROR0.decode(first);
  const { batchIndex, errorInfo } = SWERROR1.decode(second);
  return {
    error: fields.error,
    overflow: fields.overflow === 1,
    wq: fields.wqIndexValid === 1 ? fields.wqIndex : null,
    descriptor: fields.descriptorValid === 0 ? null : {
      operation: fields.operation,
      pasid: fields.pasid,
      priv: fields.priv === 1,
      batchIndex: fields.batchMember === 1 ? batchIndex : null,
    },
    info: fields.errorInfoValid === 1 ? errorInfo : null,
    faultAddress: SWERROR2.faultAddress.get(third),
    faultWrite: fields.faultWrite === 1,
  };
}
