// A work queue of the host bound to an address space of a CPU: what the device reaches is what the CPU reaches (SVA).
import { describe, expect, test } from 'vitest';
import { bufferMemory, must } from '@siov/base';
import type { Steps } from '@siov/base';
import { COMMAND, decodeCompletionRecord, DESCRIPTOR_FLAG, encodeDescriptor, OPCODE, portalOffset, WQCAP, Wqcfg, wqcfgSize, OFFSETS, TABLE_OFFSET_UNIT } from '@siov/datasheet';
import { writeRegister } from '@siov/device';
import { PhysicalFunction, WorkQueue } from '@siov/idxd';
import { AddressSpace } from '@siov/iommu';
import { buildHost } from '../src/index.ts';

const FLAGS = DESCRIPTOR_FLAG.COMPLETION_RECORD_ADDRESS_VALID | DESCRIPTOR_FLAG.REQUEST_COMPLETION_RECORD;
const [RECORD, SOURCE, DESTINATION] = [0x1000, 0x2000, 0x3000];

/** A function with queue 0 enabled for `mm`, its requests privileged or not, and one copy through it. */
function copyThrough(options: { supervisor: boolean; privileged: boolean }) {
  const host = buildHost();
  const { executor, iommu, device, core, remapping, state } = host;
  const run = <T>(steps: Steps<T>): T => executor.run({ name: 'HK', layer: 'scenarios' }, steps);
  const physical = must(run(PhysicalFunction.probe(core, device, remapping.domain)), 'probing');
  const queue = must(run(WorkQueue.configure(physical, { index: 0, group: 0, engine: 0, size: 16, priority: 10 })), 'a queue');
  must(run(physical.mustSucceed(COMMAND.ENABLE_DEVICE)), 'Enable Device');
  must(iommu.enableFeature(device, 'sva'), 'SVA');
  const bytes = new Uint8Array(0x4000).fill(0x5a, SOURCE, SOURCE + 64);
  const mm = new AddressSpace(state, 'mm', { supervisor: options.supervisor });
  must(mm.map({ iova: 0n, size: BigInt(bytes.length), readable: true, writable: true, memory: bufferMemory(bytes) }), 'mapping');
  const { witness } = must(iommu.svaBindDevice(device, mm), 'binding');
  expect(run(queue.enable(witness.pasid))).toBe(0);
  if (!options.privileged) {
    // As a queue for user space is configured.
    expect(run(queue.run(COMMAND.DISABLE_WQ))).toBe(0);
    const { offsets, wqcap } = physical.capabilities;
    const wqcfg = OFFSETS.wqcfg.get(offsets) * TABLE_OFFSET_UNIT + queue.index * wqcfgSize(WQCAP.wqcfgSize.get(wqcap));
    run(writeRegister(physical.registers, Wqcfg.Mode, Wqcfg.Mode.of({ dedicated: 1, pasidEnable: 1, pasid: witness.pasid, priority: 10 }), wqcfg));
    expect(run(physical.mustSucceed(COMMAND.ENABLE_WQ, queue.index)).ok).toBe(true);
  }
  const descriptor = { opcode: OPCODE.MEMMOVE, flags: FLAGS, source: BigInt(SOURCE), destination: BigInt(DESTINATION), size: 64, completionRecord: BigInt(RECORD) };
  const { portals } = device.resources;
  if (portals !== undefined) run(portals.submit(portalOffset({ wq: 0, limited: false, ims: false }), encodeDescriptor(descriptor)));
  executor.settle();
  return { status: decodeCompletionRecord(bytes.subarray(RECORD, RECORD + 32)).status, copied: bytes[DESTINATION + 63] === 0x5a, fault: iommu.lastFault?.reason };
}

describe('a copy through a queue bound to', () => {
  test('the kernel’s address space reaches it with the rights of the kernel, and not without', () => {
    expect(copyThrough({ supervisor: true, privileged: true })).toEqual({ status: 1, copied: true, fault: undefined });
    expect(copyThrough({ supervisor: true, privileged: false })).toEqual({ status: 0, copied: false, fault: 'user-request' });
  });

  test('a process’s address space reaches it without the rights of the kernel, and is closed to them', () => {
    expect(copyThrough({ supervisor: false, privileged: false })).toEqual({ status: 1, copied: true, fault: undefined });
    expect(copyThrough({ supervisor: false, privileged: true })).toEqual({ status: 0, copied: false, fault: 'supervisor-request' });
  });
});
