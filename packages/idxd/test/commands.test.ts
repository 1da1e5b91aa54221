// Every command of the virtual device, what it makes the function do, and every error it can give (DSA spec 3.0
// §5.8.3, §9.2.12-14).
import { describe, expect, test } from 'vitest';
import { CMD, CMDSTATUS, COMMAND, DSA_SMALL, GENCTRL, GENSTS, INTCAUSE, PCICMD, SWERROR0, Wqcfg } from '@siov/datasheet';
import { HANDLE_OFFSET, makeVirtual } from './fake-function.ts';

const BUS_MASTER = 6;
const WQCFG = 0x400;
const HANDLE_IMS = 1 << 16;
const UNKNOWN_BLOCK = (1 << 16) | 1;

function machine(state: 'disabled' | 'device enabled' | 'queue enabled' | 'halted' = 'disabled') {
  const made = makeVirtual();
  const { config, command } = made;
  config.write(PCICMD, BUS_MASTER);
  if (state !== 'disabled' && command(COMMAND.ENABLE_DEVICE).error !== 0) throw new Error('Enable Device');
  if (state === 'queue enabled' && command(COMMAND.ENABLE_WQ).error !== 0) throw new Error('Enable WQ');
  if (state === 'halted') config.write(PCICMD, 2);
  made.fake.commands.length = 0;
  return {
    ...made,
    state: () => GENSTS.state.get(made.bar0.read(GENSTS)),
    wq: () => Wqcfg.Status.state.get(made.bar0.read(Wqcfg.Status, WQCFG)),
  };
}

type State = NonNullable<Parameters<typeof machine>[0]>;

/** State, command, operand; error; what the function does; device and queue state afterwards. */
const ROWS: readonly (readonly [State, keyof typeof COMMAND, number, number, string, number, number])[] = [
  ['disabled', 'ENABLE_DEVICE', 0, 0x00, '', 1, 0],
  ['disabled', 'ENABLE_DEVICE', 1, 0x04, '', 0, 0],
  ['device enabled', 'ENABLE_DEVICE', 0, 0x10, '', 1, 0],
  ['disabled', 'DISABLE_DEVICE', 0, 0x31, '', 0, 0],
  ['device enabled', 'DISABLE_DEVICE', 0, 0x00, '', 0, 0],
  ['queue enabled', 'DISABLE_DEVICE', 0, 0x00, 'DISABLE_WQ(1)', 0, 0],
  ['queue enabled', 'DISABLE_DEVICE', 2, 0x04, '', 1, 1],
  ['disabled', 'DRAIN_ALL', 0, 0x00, '', 0, 0],
  ['queue enabled', 'DRAIN_ALL', 0, 0x00, 'DRAIN_WQ(1)', 1, 1],
  ['queue enabled', 'DRAIN_ALL', 1, 0x04, '', 1, 1],
  ['disabled', 'ABORT_ALL', 0, 0x00, '', 0, 0],
  ['queue enabled', 'ABORT_ALL', 0, 0x00, 'ABORT_WQ(1)', 1, 1],
  ['queue enabled', 'RESET_DEVICE', 0, 0x00, 'RESET_WQ(1)', 0, 0],
  ['queue enabled', 'RESET_DEVICE', 8, 0x04, '', 1, 1],
  ['disabled', 'ENABLE_WQ', 0, 0x20, '', 0, 0],
  ['device enabled', 'ENABLE_WQ', 0, 0x00, 'ENABLE_WQ(0)', 1, 1],
  ['device enabled', 'ENABLE_WQ', 1, 0x02, '', 1, 0],
  ['device enabled', 'ENABLE_WQ', 0x100, 0x04, '', 1, 0],
  ['queue enabled', 'ENABLE_WQ', 0, 0x21, '', 1, 1],
  ['device enabled', 'DISABLE_WQ', 1, 0x32, '', 1, 0],
  ['queue enabled', 'DISABLE_WQ', 1, 0x00, 'DISABLE_WQ(1)', 1, 0],
  ['queue enabled', 'DISABLE_WQ', 3, 0x02, '', 1, 1],
  ['device enabled', 'DISABLE_WQ', 0, 0x00, '', 1, 0],
  ['queue enabled', 'DRAIN_WQ', 1, 0x00, 'DRAIN_WQ(1)', 1, 1],
  ['queue enabled', 'DRAIN_WQ', UNKNOWN_BLOCK, 0x02, '', 1, 1],
  ['device enabled', 'DRAIN_WQ', 1, 0x32, '', 1, 0],
  ['queue enabled', 'ABORT_WQ', 1, 0x00, 'ABORT_WQ(1)', 1, 1],
  ['queue enabled', 'ABORT_WQ', 0, 0x00, '', 1, 1],
  ['device enabled', 'ABORT_WQ', 1, 0x32, '', 1, 0],
  ['queue enabled', 'RESET_WQ', 1, 0x00, 'RESET_WQ(1)', 1, 0],
  ['device enabled', 'RESET_WQ', 1, 0x00, 'RESET_WQ(1)', 1, 0],
  ['device enabled', 'RESET_WQ', 2, 0x02, '', 1, 0],
  ['queue enabled', 'DRAIN_PASID', 77, 0x00, 'DRAIN_WQ(1)', 1, 1],
  ['queue enabled', 'ABORT_PASID', 77, 0x00, 'ABORT_WQ(1)', 1, 1],
  ['disabled', 'DRAIN_PASID', 77, 0x00, '', 0, 0],
  ['disabled', 'REQUEST_INTERRUPT_HANDLE', 0, 0x41, '', 0, 0],
  ['disabled', 'REQUEST_INTERRUPT_HANDLE', 2, 0x41, '', 0, 0],
  ['disabled', 'REQUEST_INTERRUPT_HANDLE', 1, 0x42, '', 0, 0],
  ['disabled', 'REQUEST_INTERRUPT_HANDLE', HANDLE_IMS | 1, 0x42, '', 0, 0],
  ['disabled', 'REQUEST_INTERRUPT_HANDLE', 1 << 17, 0x04, '', 0, 0],
  ['disabled', 'RELEASE_INTERRUPT_HANDLE', 1, 0x41, '', 0, 0],
  ['disabled', 'RELEASE_INTERRUPT_HANDLE', 1 << 18, 0x04, '', 0, 0],
  ['disabled', 'REQUEST_IDPT_HANDLE', 0, 0x01, '', 0, 0],
  ['disabled', 'INVALIDATE_SUBMITTER_BITMAP', 0, 0x01, '', 0, 0],
  ['halted', 'ENABLE_DEVICE', 0, 0x05, '', 3, 0],
  ['halted', 'DISABLE_DEVICE', 0, 0x05, '', 3, 0],
  ['halted', 'RESET_WQ', 1, 0x05, '', 3, 0],
  ['halted', 'REQUEST_INTERRUPT_HANDLE', 1, 0x05, '', 3, 0],
  ['halted', 'RESET_DEVICE', 0, 0x00, 'RESET_WQ(1)', 0, 0],
];

test.each(ROWS)('%s: %s(%i) ends with error %i', (before, name, operand, error, physical, device, wq) => {
  const made = machine(before);
  expect(made.command(COMMAND[name], operand)).toEqual({ error, result: 0, physical: physical === '' ? [] : [physical] });
  expect([made.state(), made.wq()]).toEqual([device, wq]);
});

describe('enabling', () => {
  test('the device needs bus mastering', () => {
    const { command, state } = machine();
    const bare = makeVirtual();
    expect(bare.command(COMMAND.ENABLE_DEVICE).error).toBe(0x12);
    expect([command(COMMAND.ENABLE_DEVICE).error, state()]).toEqual([0, 1]);
  });

  test('the queue needs the device’s PASID, and leaves it disabled where the function refuses', () => {
    const lost = machine('device enabled');
    lost.iommu.detachDevicePasid(lost.mdev.device);
    expect(lost.command(COMMAND.ENABLE_WQ)).toEqual({ error: 0x26, result: 0, physical: [] });
    const refused = machine('device enabled');
    refused.fake.errors.set(COMMAND.ENABLE_WQ, 0x28);
    expect(refused.command(COMMAND.ENABLE_WQ)).toMatchObject({ error: 0x03, physical: ['ENABLE_WQ(0)'] });
    expect(refused.wq()).toBe(0);
  });

  test('a command of the function that fails is a hardware error to the guest', () => {
    const made = machine('queue enabled');
    made.fake.errors.set(COMMAND.DRAIN_WQ, 0x32);
    expect(made.command(COMMAND.DRAIN_WQ, 1).error).toBe(0x03);
  });
});

describe('the command register', () => {
  test('reads 0, and reserved bits are an error', () => {
    const { bar0, command } = machine();
    expect(command(COMMAND.ENABLE_DEVICE + (1 << 5)).error).toBe(0x04);
    expect(bar0.read(CMD)).toBe(0);
  });

  test('takes only whole words', () => {
    const { vfio, run, bar0, state } = machine();
    const at = CMD.offset;
    for (const [offset, bytes] of [[at, [0, 0]], [at + 2, [0x10, 0]], [at + 2, [0x10]]] as const) run(vfio.regionWrite(0, offset, Uint8Array.from(bytes)));
    expect([state(), bar0.read(CMD)]).toEqual([0, 0]);
  });

  test('asks for an interrupt with bit 31, on success and on failure, once the status is final', () => {
    const { command, setIrqs, signals, bar0 } = machine();
    setIrqs(0, [true]);
    command(COMMAND.ENABLE_DEVICE);
    expect([signals[0], bar0.read(INTCAUSE)]).toEqual([0, 0]);
    command(COMMAND.ENABLE_DEVICE, 0, true);
    expect([signals[0], bar0.read(INTCAUSE), CMDSTATUS.error.get(bar0.read(CMDSTATUS))]).toEqual([1, 2, 0x10]);
    bar0.write(INTCAUSE, 2);
    expect(bar0.read(INTCAUSE)).toBe(0);
  });

  test('Reset Device clears causes and enables first and then signals its own end; what SWERROR says stays', () => {
    const { command, setIrqs, signals, bar0, config } = machine('device enabled');
    setIrqs(0, [true]);
    bar0.write(GENCTRL, 3);
    config.write(PCICMD, 2);
    expect([signals[0], bar0.read(INTCAUSE)]).toEqual([1, 0x11]);
    command(COMMAND.RESET_DEVICE, 0, true);
    expect([signals[0], bar0.read(INTCAUSE), bar0.read(GENCTRL)]).toEqual([2, 2, 0]);
    expect(SWERROR0.decode(bar0.read(SWERROR0))).toMatchObject({ valid: 1, error: 0x51 });
  });
});

describe('taking bus mastering away', () => {
  test('from an enabled device halts it, stops the function’s queue and says so, if asked', () => {
    const { config, bar0, fake, state, setIrqs, signals } = machine('queue enabled');
    setIrqs(0, [true]);
    bar0.write(GENCTRL, GENCTRL.of({ softwareErrorInterruptEnable: 1, haltInterruptEnable: 1 }));
    config.write(PCICMD, 2);
    expect(state()).toBe(3);
    expect(fake.commands).toEqual(['RESET_WQ(1)']);
    expect(SWERROR0.decode(bar0.read(SWERROR0))).toMatchObject({ valid: 1, overflow: 0, error: 0x51 });
    expect([bar0.read(INTCAUSE), signals[0]]).toEqual([0x11, 1]);
  });

  test('is recorded without an interrupt where none is enabled, and as overflow where an error is waiting', () => {
    const { config, bar0, signals, command, setIrqs } = machine('device enabled');
    setIrqs(0, [true]);
    config.write(PCICMD, 2);
    expect([bar0.read(INTCAUSE), signals[0]]).toEqual([0, 0]);
    command(COMMAND.RESET_DEVICE);
    config.write(PCICMD, BUS_MASTER);
    command(COMMAND.ENABLE_DEVICE);
    config.write(PCICMD, 2);
    expect(SWERROR0.overflow.get(bar0.read(SWERROR0))).toBe(1);
    bar0.write(SWERROR0, 3n);
    expect(SWERROR0.decode(bar0.read(SWERROR0))).toMatchObject({ valid: 0, overflow: 0 });
  });

  test('of a disabled device changes nothing; of a halted one nothing more', () => {
    const idle = machine();
    idle.config.write(PCICMD, 2);
    expect(idle.state()).toBe(0);
    const halted = machine('halted');
    halted.config.write(PCICMD, BUS_MASTER);
    halted.config.write(PCICMD, 2);
    expect([halted.state(), halted.fake.commands]).toEqual([3, []]);
  });
});

describe('interrupt handles', () => {
  test('a requested handle is the slot of the host’s message store', () => {
    const { command, setIrqs, virtual } = machine();
    setIrqs(1, [true]);
    const slot = virtual.triggers.hwirq(1);
    expect(slot.ok && command(COMMAND.REQUEST_INTERRUPT_HANDLE, 1)).toEqual({ error: 0, result: slot.ok && slot.value, physical: [] });
    expect(command(COMMAND.REQUEST_INTERRUPT_HANDLE, 1).error).toBe(0);
  });

  test('released, by slot or by table index, its entry is masked, without id and given back; requested again, it is another', () => {
    const { command, setIrqs, fake, mdev, counters, core } = machine();
    setIrqs(1, [true]);
    const held = counters();
    const release = (operand: number) => {
      const { error, result: slot } = command(COMMAND.REQUEST_INTERRUPT_HANDLE, 1);
      expect([error, fake.ims(slot).pasidEnable, fake.ims(slot).mask, fake.ims(slot).pasid]).toEqual([0, 1, 0, mdev.device.iommu.pasid]);
      expect(command(COMMAND.RELEASE_INTERRUPT_HANDLE, operand).error).toBe(0);
      expect(fake.ims(slot)).toEqual({ mask: 1, pasidEnable: 0, pasid: 0, data: 0 });
      expect([counters().slots, core.used]).toEqual([0, held.virqs - 1]);
      expect(command(COMMAND.RELEASE_INTERRUPT_HANDLE, operand).error).toBe(0x41);
    };
    release(0);
    release(1);
    expect(command(COMMAND.REQUEST_INTERRUPT_HANDLE, 1).error).toBe(0);
    expect(counters()).toEqual(held);
    expect(command(COMMAND.RELEASE_INTERRUPT_HANDLE, HANDLE_IMS).error).toBe(0x41);
  });

  test('of a function that gives handles are the function’s: asked for, given to the guest, released with it', () => {
    const { command, setIrqs, fake, vfio, run } = makeVirtual({ profile: DSA_SMALL });
    setIrqs(1, [true]);
    const request = () => command(COMMAND.REQUEST_INTERRUPT_HANDLE, 1);
    const taken = { error: 0, result: HANDLE_OFFSET, physical: [`REQUEST_INTERRUPT_HANDLE(${HANDLE_IMS})`] };
    const given = { error: 0, result: 0, physical: [`RELEASE_INTERRUPT_HANDLE(${HANDLE_IMS})`] };
    expect(request()).toEqual(taken);
    expect(command(COMMAND.RELEASE_INTERRUPT_HANDLE, HANDLE_OFFSET)).toEqual(given);
    expect([request(), command(COMMAND.RELEASE_INTERRUPT_HANDLE, 1)]).toEqual([taken, given]);
    request();
    run(vfio.reset());
    expect(fake.commands).toEqual(['RESET_WQ(1)', `RELEASE_INTERRUPT_HANDLE(${HANDLE_IMS})`]);
    fake.errors.set(COMMAND.REQUEST_INTERRUPT_HANDLE, 0x42);
    expect(request().error).toBe(0x42);
  });

  test('are refused while the device has no PASID: nothing is allocated, the vector stays as it was', () => {
    const { command, setIrqs, iommu, mdev, counters, virtual } = machine();
    setIrqs(1, [true]);
    command(COMMAND.RELEASE_INTERRUPT_HANDLE, 1);
    iommu.detachDevicePasid(mdev.device);
    const before = counters();
    expect(command(COMMAND.REQUEST_INTERRUPT_HANDLE, 1).error).toBe(0x42);
    expect([counters(), virtual.triggers.armed]).toEqual([before, 1]);
  });
});
