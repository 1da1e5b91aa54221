// GRPCFG: which work queues feed which engines, and what they share (DSA spec 3.0 §9.2). Writable while the device is
// Disabled, and only with GENCAP.configurationSupport.
import { bit, bits, register, wideBits } from '@siov/base';

const source = 'DSA spec 3.0 §9.2';
const gated = 'rw:device-disabled';

/** Bytes an entry. */
export const GRPCFG_SIZE = 64;

const wqs = (index: 0 | 1 | 2 | 3) => ({ offset: 8 * index, width: 64, access: gated, source }) as const;
const members = { members: wideBits(63, 0) } as const;

export const Grpcfg = {
  /** Bit n of word w: work queue 64w + n belongs to the group. */
  Wqs: [register('WQS0', wqs(0), members), register('WQS1', wqs(1), members), register('WQS2', wqs(2), members), register('WQS3', wqs(3), members)],
  /** Bit n: engine n belongs to the group. */
  Engines: register('ENGINES', { offset: 0x20, width: 64, access: gated, source }, members),
  /** The reset value has the profile's total read buffers in `readBuffersAllowed`. */
  Flags: register('FLAGS', { offset: 0x28, width: 64, access: gated, source }, {
    trafficClassA: bits(2, 0), trafficClassB: bits(5, 3), useGlobalReadBufferLimit: bit(7), readBuffersReserved: bits(15, 8),
    readBuffersAllowed: bits(27, 20), workProgressLimit: bits(33, 32), batchProgressLimit: bits(37, 36),
    readBandwidth: bits(43, 40), writeBandwidth: bits(47, 44),
  }),
} as const;
