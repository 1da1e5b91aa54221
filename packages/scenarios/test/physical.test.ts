import { describe, expect, test } from 'vitest';
import { ModelEventFd, must, plainState } from '@siov/base';
import type { EventFd, Steps } from '@siov/base';
import { CMD, command, COMMAND, DEVCTL, DSA_SMALL, PCICMD } from '@siov/datasheet';
import { VFIO_PCI_IRQ, VFIO_PCI_REGION } from '@siov/vfio';
import { hostCounters, physicalDevice } from '../src/index.ts';

function attached() {
  const { host, triggers, vfio } = physicalDevice(DSA_SMALL);
  const agent = { name: 'VC0/host', layer: 'vmm' };
  const run = <T>(steps: Steps<T>): T => {
    const result = host.executor.run(agent, steps);
    host.executor.settle();
    return result;
  };
  const write = (region: number, offset: number, size: 2 | 4, value: number) => {
    const bytes = new Uint8Array(4);
    new DataView(bytes.buffer).setUint32(0, value, true);
    must(run(vfio.regionWrite(region, offset, bytes.subarray(0, size))), 'write');
  };
  const arm = (vector: number): ModelEventFd => {
    const eventfd: EventFd & ModelEventFd = new ModelEventFd(plainState, `vector${vector}`);
    must(run(vfio.setIrqs({ index: VFIO_PCI_IRQ.MSIX, start: vector, count: 1, action: 'trigger', data: { kind: 'eventfd', fds: [eventfd] } })), 'SET_IRQS');
    return eventfd;
  };
  const enableMemory = () => write(VFIO_PCI_REGION.CONFIG, PCICMD.offset, 2, PCICMD.of({ memorySpaceEnable: 1, busMasterEnable: 1 }));
  const resetDevice = () => write(VFIO_PCI_REGION.BAR0, CMD.offset, 4, command(COMMAND.RESET_DEVICE));
  return { host, triggers, vfio, run, write, arm, enableMemory, resetDevice };
}

describe('the physical function passed through', () => {
  test('a vector armed while the guest has memory space off fires once it is on', () => {
    const { arm, enableMemory, resetDevice } = attached();
    const misc = arm(0);
    enableMemory();
    resetDevice();
    expect(misc.take()).toBe(1);
  });

  test('the guest switching memory off does not keep the host from giving interrupts back', () => {
    const { host, vfio, run, arm, enableMemory, write } = attached();
    const before = hostCounters(host);
    enableMemory();
    const misc = arm(0);
    write(VFIO_PCI_REGION.CONFIG, PCICMD.offset, 2, 0);
    run(vfio.release());
    expect(misc.closed).toBe(true);
    expect(hostCounters(host)).toEqual(before);
    expect(host.silicon.msixEntry(0).mask).toBe(true);
  });

  test('armed vectors survive a function level reset by the guest', () => {
    const { host, arm, enableMemory, resetDevice, write } = attached();
    enableMemory();
    const [misc] = [arm(0), arm(1)];
    const armed = hostCounters(host);
    write(VFIO_PCI_REGION.CONFIG, DEVCTL.offset, 2, DEVCTL.of({ initiateFunctionLevelReset: 1 }));
    expect(hostCounters(host)).toEqual(armed);
    enableMemory();
    resetDevice();
    expect(misc?.take()).toBe(1);
  });
});
