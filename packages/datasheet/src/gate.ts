// The gates of `rw:<gate>` fields: states of the device in which software may write them.

export const GATE = {
  /** GENSTS.state is Disabled, and GENCAP.configurationSupport is set (DSA spec 3.0 §5.7). */
  DEVICE_DISABLED: 'device-disabled',
  /** This work queue's state is Disabled, and GENCAP.configurationSupport is set. */
  WQ_DISABLED: 'wq-disabled',
  /** This work queue's occupancy interrupt is not enabled. */
  OCCUPANCY_INTERRUPT_DISABLED: 'occupancy-interrupt-disabled',
} as const;
export type Gate = (typeof GATE)[keyof typeof GATE];
