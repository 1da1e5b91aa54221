// The physical function passed through: the host driver's own code, run in the guest, finds a function it can drive (R19).
import { describe, expect, test } from 'vitest';
import { must } from '@siov/base';
import type { Steps } from '@siov/base';
import {
  CMDSTATUS, COMMAND, decodeCompletionRecord, DEVCTL, DESCRIPTOR_FLAG, DSA_SMALL, DSA_SPR, encodeDescriptor, layoutOf, OPCODE, PCICMD, portalOffset, Wqcfg,
} from '@siov/datasheet';
import type { DsaProfile } from '@siov/datasheet';
import { readRegister, writeRegister } from '@siov/device';
import { PhysicalFunction, WorkQueue } from '@siov/idxd';
import { deviceMsi, freeIrq, requestIrq } from '@siov/irq';
import { GuestMachine, hostCounters, physicalDevice } from '../src/index.ts';

const FLAGS = DESCRIPTOR_FLAG.COMPLETION_RECORD_ADDRESS_VALID | DESCRIPTOR_FLAG.REQUEST_COMPLETION_RECORD | DESCRIPTOR_FLAG.REQUEST_COMPLETION_INTERRUPT;

function machine(profile: DsaProfile) {
  const made = physicalDevice(profile);
  const { executor } = made.host;
  const before = hostCounters(made.host);
  const run = <T>(steps: Steps<T>): T => executor.run({ name: 'VC0', layer: 'guest' }, steps);
  /** A guest with its queue 0 enabled, without PASID, and vector 1 requested. */
  function boot() {
    const guest = new GuestMachine(made.host, [made.vfio], { memorySize: 1 << 20 });
    const { core, device, interruptParent } = guest;
    const physical = must(run(PhysicalFunction.probe(core, device, interruptParent)), 'probe');
    must(run(WorkQueue.configure(physical, { index: 0, group: 0, engine: 0, size: 16, priority: 10 })), 'queue');
    const wqcfg = layoutOf(profile).offsets.wqcfg;
    run(writeRegister(physical.registers, Wqcfg.Mode, Wqcfg.Mode.of({ dedicated: 1, priority: 10 }), wqcfg));
    run(writeRegister(physical.registers, Wqcfg.Limits, Wqcfg.Limits.of({ maxTransferShift: 16, maxBatchShift: 2 }), wqcfg));
    must(run(physical.mustSucceed(COMMAND.ENABLE_DEVICE)), 'Enable Device');
    must(run(physical.mustSucceed(COMMAND.ENABLE_WQ, 0)), 'Enable WQ');
    const taken: number[] = [];
    const virq = deviceMsi(device)?.virq(1) ?? -1;
    must(run(requestIrq(core, virq, { name: 'wq', devId: taken, *handler(each) { taken.push(each); return 'handled'; } })), 'request_irq');
    const interruptHandle = physical.capabilities.handles ? CMDSTATUS.result.get(run(physical.command(COMMAND.REQUEST_INTERRUPT_HANDLE, 1))) : 1;
    return {
      guest, physical, taken,
      copy(): void {
        guest.memory.fill(0x5c, 0x10000, 0x10100);
        guest.memory.fill(0, 0x1000, 0x1020);
        guest.memory.fill(0, 0x20000, 0x20100);
        const descriptor = { opcode: OPCODE.MEMMOVE, flags: FLAGS, source: 0x10000n, destination: 0x20000n, size: 256, completionRecord: 0x1000n, interruptHandle };
        const { portals } = device.resources;
        if (portals !== undefined) run(portals.submit(portalOffset({ wq: 0, limited: true, ims: false }), encodeDescriptor(descriptor)));
        executor.settle();
        expect([decodeCompletionRecord(guest.memory.subarray(0x1000, 0x1020)).status, guest.memory[0x200ff]]).toEqual([1, 0x5c]);
      },
      shutDown(): void {
        run(freeIrq(core, virq, taken));
        run(physical.remove());
      },
    };
  }
  return { ...made, executor, before, run, boot, release: () => executor.run({ name: 'QM', layer: 'vmm' }, made.vfio.release()) };
}

describe.each([['small', DSA_SMALL], ['spr', DSA_SPR]])('the %s function', (_name, profile) => {
  test('copies memory for a guest that drives all of it, interrupt by interrupt', () => {
    const { boot, host, before, release } = machine(profile);
    const { taken, copy, shutDown, guest } = boot();
    for (let count = 1; count <= 5; count++) {
      copy();
      expect(taken.length).toBe(count);
    }
    expect(guest.vmm.errors).toEqual([]);
    shutDown();
    release();
    expect([hostCounters(host), host.silicon.deviceState]).toEqual([before, 0]);
  });

  test('reset by the guest with its vectors armed comes back: the same guest boots on it again', () => {
    const { boot, run, host, before, release } = machine(profile);
    const first = boot();
    first.copy();
    run(writeRegister(first.guest.device.resources.config, DEVCTL, DEVCTL.of({ initiateFunctionLevelReset: 1 })));
    expect([host.silicon.deviceState, host.silicon.wqState(0)]).toEqual([0, 0]);
    const { device } = first.guest;
    run(writeRegister(device.resources.config, PCICMD, PCICMD.of({ memorySpaceEnable: 1, busMasterEnable: 1 })));
    expect(run(readRegister(device.resources.config, PCICMD))).toBe(6);
    must(run(first.physical.mustSucceed(COMMAND.RESET_DEVICE)), 'vector 0 still tells the guest that a command is done');
    first.shutDown();
    release();
    expect(hostCounters(host)).toEqual(before);
  });

  test('reset by a write of the byte that has the reset bit is the host’s reset too', () => {
    const { boot, run, host, release, before } = machine(profile);
    const { guest, physical } = boot();
    const { config } = guest.device.resources;
    run(config.write(DEVCTL.offset + 1, 1, 0x80));
    run(writeRegister(config, PCICMD, PCICMD.of({ memorySpaceEnable: 1, busMasterEnable: 1 })));
    must(run(physical.mustSucceed(COMMAND.RESET_DEVICE)), 'vector 0');
    release();
    expect(hostCounters(host)).toEqual(before);
  });

  test('released in the middle of everything serves a second guest', () => {
    const { boot, host, before, release } = machine(profile);
    boot().copy();
    release();
    expect(hostCounters(host)).toEqual(before);
    const second = boot();
    second.copy();
    expect(second.taken.length).toBe(1);
    release();
    expect(hostCounters(host)).toEqual(before);
  });
});
