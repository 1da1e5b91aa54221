// Vector 0: software errors, halt, revoked handles, and what the driver has no use for.
import { describe, expect, test } from 'vitest';
import { COMMAND, COMMAND_ERROR, COMPLETION_STATUS, DEVICE_STATE, GENCAP, GENSTS, INTCAUSE, OPCODE, RESET_TYPE, SWERROR0, SWERROR1, SWERROR2 } from '@siov/datasheet';
import { ObservedState } from '@siov/base/testing';
import type { Steps } from '@siov/base';
import { command } from './accesses.ts';
import { FIXED } from './recorded-function.ts';
import { withMemory } from './with-memory.ts';

const COPY = { opcode: OPCODE.MEMMOVE, source: 0x1000n, destination: 0x2000n, size: 64 } as const;

/** Runs `steps` up to the point `what`; the others, where it waits before. */
function stepTo(steps: Steps<unknown>, what: string, others: () => void): void {
  for (let step = steps.next(); step.done !== true && step.value.what !== what; step = steps.next()) {
    if (step.value.ready?.() === false) others();
  }
}

function ready(options: Parameters<typeof withMemory>[0] = {}) {
  const made = withMemory(options);
  const enabled = made.run(made.queue.enable());
  if (!enabled.ok) throw new Error(enabled.message);
  made.take();
  const raise = (cause: Parameters<typeof INTCAUSE.of>[0]) => {
    made.cause(cause);
    made.settle();
  };
  return { ...made, raise };
}

describe('a software error', () => {
  test('is decoded; fields the device does not vouch for are null', () => {
    const { driver, bar0, raise } = ready();
    bar0.set(SWERROR0, SWERROR0.of({ valid: 1, overflow: 1, descriptorValid: 1, wqIndexValid: 1, batchMember: 1, faultWrite: 1, priv: 1, errorInfoValid: 1, error: 0x19, wqIndex: 3, operation: 9, pasid: 0x12345 }));
    bar0.set(SWERROR1, SWERROR1.of({ batchIndex: 7, errorInfo: 0x1002a }));
    bar0.set(SWERROR2, SWERROR2.of({ faultAddress: 0x1234000n }));
    raise({ softwareError: 1 });
    bar0.set(SWERROR0, SWERROR0.of({ valid: 1, error: 0x52, wqIndex: 3 }));
    raise({ softwareError: 1 });
    expect(driver.function.lastSoftwareErrors).toEqual([
      { error: 0x19, overflow: true, wq: 3, descriptor: { operation: 9, pasid: 0x12345, priv: true, batchIndex: 7 }, info: 0x1002a, faultAddress: 0x1234000n, faultWrite: true },
      { error: 0x52, overflow: false, wq: null, descriptor: null, info: null, faultAddress: 0x1234000n, faultWrite: false },
    ]);
  });

  test('the last 16 are kept, all are counted', () => {
    const { driver, bar0, raise } = ready();
    for (let error = 1; error <= 20; error++) {
      bar0.set(SWERROR0, SWERROR0.of({ valid: 1, error }));
      raise({ softwareError: 1 });
    }
    expect(driver.function.softwareErrors).toBe(20);
    expect(driver.function.lastSoftwareErrors.map(({ error }) => error)).toEqual(Array.from({ length: 16 }, (_, index) => index + 5));
  });
});

test('several causes at once are acknowledged in one write, then served: the halt first, the command last', () => {
  const { driver, bar0, raise, take } = ready();
  bar0.set(GENSTS, GENSTS.of({ state: DEVICE_STATE.ENABLED }));
  raise({ haltState: 1, softwareError: 1, occupancyLimit: 1, perfmonOverflow: 1, eventLog: 1, commandCompletion: 1 });
  expect(take()).toEqual(['R32 98', 'W32 98 = 3f', 'R32 90', 'R64 c0', 'R64 c8', 'R64 d0', 'R64 d8', 'W64 c0 = 0']);
  expect(driver.function.halted).toBe(false);
});

test('bits nobody knows are warned of', () => {
  const { bar0, core, fire, settle } = ready();
  bar0.set(INTCAUSE, INTCAUSE.image(0x100));
  fire(0);
  settle();
  expect(core.log.lines).toEqual(['vdsa0: Unexpected interrupt cause bits set: 0x100']);
});

describe('a halted device', () => {
  const halted = () => {
    const made = ready();
    const box = made.spawn('client', made.queue.transfer(COPY));
    made.settle();
    made.bar0.set(GENSTS, GENSTS.of({ state: DEVICE_STATE.HALT, resetType: RESET_TYPE.FUNCTION_LEVEL }));
    made.raise({ haltState: 1 });
    return { ...made, box };
  };

  test('is said to be; what waits is aborted, and nothing is submitted any more', () => {
    const { box, core, queue, run, driver } = halted();
    expect(core.log.lines).toEqual(['vdsa0: Device is HALTED! Reset type 1']);
    expect([driver.function.halted, box.result]).toMatchObject([true, { errno: 'ENXIO' }]);
    expect(run(queue.transfer(COPY))).toMatchObject({ errno: 'ENXIO' });
    expect(run(queue.submit({}))).toMatchObject({ errno: 'ENXIO' });
  });

  test('takes no commands: they fail with HARDWARE_ERROR, and CMD is not written', () => {
    const { run, driver, take } = halted();
    take();
    expect(run(driver.function.command(COMMAND.DRAIN_ALL)) & 0xff).toBe(COMMAND_ERROR.HARDWARE_ERROR);
    expect(run(driver.enable())).toMatchObject({ errno: 'EIO' });
    expect(take().some((each) => each.startsWith('W32 a0'))).toBe(false);
  });

  test('that halts under a command lets its caller go', () => {
    const { driver, spawn, settle, bar0, raise, hooks } = ready();
    hooks.silent = true;
    const box = spawn('caller', driver.function.command(COMMAND.DRAIN_ALL));
    settle();
    expect(box.result).toBeUndefined();
    bar0.set(GENSTS, GENSTS.of({ state: DEVICE_STATE.HALT }));
    raise({ haltState: 1 });
    expect((box.result ?? 0) & 0xff).toBe(COMMAND_ERROR.HARDWARE_ERROR);
  });

  test('can be removed, with nothing left', () => {
    const { run, driver, counters, bound } = halted();
    expect(run(driver.remove()).ok).toBe(true);
    expect([counters(), bound.size]).toEqual([{ virqs: 0, reserved: 0, assigned: 0, managed: 0 }, 0]);
  });
});

describe('handles revoked', () => {
  const drain = (handle: number) => expect.objectContaining({ opcode: OPCODE.DRAIN, flags: 0x10, pasid: 5, priv: true, interruptHandle: handle, completionRecord: 0n });

  test('a new handle is asked for and swapped, a Drain with it follows, and what had the old one is submitted once more', () => {
    const { queue, spawn, settle, inside, hooks, raise, take, complete, fire } = ready();
    const box = spawn('client', queue.transfer(COPY));
    settle();
    hooks.handleOffset = 0x80;
    take();
    raise({ handlesRevoked: 1 });
    expect(take()).toEqual(['R32 98', 'W32 98 = 80000000', ...command('80d00001'), 'portal 1040:64']);
    expect([queue.handle, inside]).toEqual([0x81, [expect.objectContaining({ interruptHandle: 0x41 }), drain(0x81)]]);
    complete({ status: COMPLETION_STATUS.INTERRUPT_HANDLE });
    complete();
    settle();
    expect(inside).toEqual([expect.objectContaining({ ...COPY, interruptHandle: 0x81 })]);
    complete();
    settle();
    expect(box.result).toMatchObject({ ok: true });
    fire(1);
    settle();
    expect(queue.interrupts).toBe(3);
  });

  test('a handle that is the same is no change; a queue that is not enabled has none', () => {
    const { queue, raise, take, run } = ready();
    raise({ handlesRevoked: 1 });
    expect(take()).toEqual(['R32 98', 'W32 98 = 80000000', ...command('80d00001')]);
    run(queue.disable());
    take();
    raise({ handlesRevoked: 1 });
    expect(take()).toEqual(['R32 98', 'W32 98 = 80000000']);
  });

  /** One submission is under way when the handles are revoked, and another one comes. */
  const revokedMeanwhile = () => {
    const driver = ready({ mode: { dedicated: 0, pasidEnable: 1 } });
    const early = driver.queue.start(COPY);
    stepTo(early, 'ENQCMD', driver.settle);
    driver.hooks.handleOffset = 0x80;
    driver.raise({ handlesRevoked: 1 });
    const late = driver.spawn('late', driver.queue.start(COPY));
    driver.settle();
    return { ...driver, early, late };
  };

  test('a submission under way has the old handle, and the swap waits for it; the next one waits for the swap', () => {
    const { early, late, queue, inside, run, settle } = revokedMeanwhile();
    expect([inside, queue.handle, late.result]).toEqual([[], 0x41, undefined]);
    expect(run(early).ok).toBe(true);
    settle();
    expect(inside[0]).toMatchObject({ opcode: OPCODE.MEMMOVE, interruptHandle: 0x41 });
    expect(inside.slice(1).map(({ opcode, interruptHandle }) => [opcode, interruptHandle])).toEqual([[OPCODE.DRAIN, 0x81], [OPCODE.MEMMOVE, 0x81]]);
  });

  test('a submission that waits for the swap is refused when the queue is disabled instead', () => {
    const { early, late, queue, spawn, inside, run, settle } = revokedMeanwhile();
    spawn('killer', queue.quiesce());
    settle();
    expect(run(early).ok).toBe(true);
    settle();
    expect(late.result).toMatchObject({ errno: 'ENXIO' });
    expect(inside.filter(({ opcode }) => opcode === OPCODE.MEMMOVE)).toHaveLength(1);
    expect(run(queue.start(COPY))).toMatchObject({ errno: 'ENXIO' });
  });

  test('a new one refused, the queue is dead: what had the old one is aborted, the rest is still collected', () => {
    const { queue, spawn, settle, errors, raise, inside, write, run, counters, driver, fire } = ready();
    const boxes = [0, 1].map((each) => spawn(`client${each}`, queue.transfer(COPY)));
    settle();
    const [first, second] = inside;
    if (first === undefined || second === undefined) throw new Error('nothing submitted');
    write(first, { status: COMPLETION_STATUS.INTERRUPT_HANDLE });
    errors.set(COMMAND.REQUEST_INTERRUPT_HANDLE, COMMAND_ERROR.NO_INTERRUPT_HANDLE);
    raise({ handlesRevoked: 1 });
    expect(boxes.map(({ result }) => result)).toMatchObject([{ errno: 'ENXIO' }, undefined]);
    expect(run(queue.transfer(COPY))).toMatchObject({ errno: 'ENXIO' });
    write(second);
    fire(1);
    settle();
    expect([boxes[1]?.result, queue.handle]).toMatchObject([{ ok: true }, -1]);
    expect(run(driver.remove()).ok).toBe(true);
    expect(counters()).toEqual({ virqs: 0, reserved: 0, assigned: 0, managed: 0 });
  });

  test('a queue that is disabled between the new handle and its use gives both back', () => {
    const { queue, run, hooks, settle, take } = ready();
    hooks.handleOffset = 0x80;
    const renewal = queue.renewHandle();
    stepTo(renewal, 'lock guest/vdsa0/wq0', settle);
    run(queue.disable());
    run(renewal);
    expect([queue.handle, take().filter((each) => /W32 a0 = e0/.test(each))]).toEqual([-1, ['W32 a0 = e00041', 'W32 a0 = e00081']]);
    expect(run(queue.enable()).ok).toBe(true);
  });

  test('the driver is removed only when the renewal is done: that waits for vector 0', () => {
    const { driver, cause, settle, executor, hooks, spawn, run, counters } = ready();
    hooks.handleOffset = 0x80;
    const workers: Steps<unknown>[] = [];
    const spawnForReal = executor.spawn.bind(executor);
    executor.spawn = (agent, steps) => (agent.name.endsWith('-revoke') ? void workers.push(typeof steps === 'function' ? steps() : steps) : spawnForReal(agent, steps));
    cause({ handlesRevoked: 1 });
    settle();
    const [worker] = workers;
    if (worker === undefined) throw new Error('no worker');
    stepTo(worker, 'lock guest/vdsa0/commands', settle);
    const removal = spawn('admin', driver.remove());
    settle();
    expect(removal.result).toBeUndefined();
    run(worker);
    settle();
    expect([removal.result, counters()]).toMatchObject([{ ok: true }, { virqs: 0, reserved: 0, assigned: 0, managed: 0 }]);
  });

  test('without memory for the work no queue takes descriptors any more; without handles it is a mistake of the device', () => {
    const state = new ObservedState();
    const { queue, raise, run, core } = ready({ machineState: state });
    state.refuse(1);
    raise({ handlesRevoked: 1 });
    state.refuse(0);
    expect(core.log.lines).toEqual(['vdsa0: Failed to allocate work for int handle revoke']);
    expect(run(queue.transfer(COPY))).toMatchObject({ errno: 'ENXIO' });
    const plain = ready({ profile: { ...FIXED, GENCAP: GENCAP.commandCapabilities.set(FIXED.GENCAP, 0) } });
    plain.raise({ handlesRevoked: 1 });
    expect(plain.take()).toEqual(['R32 98', 'W32 98 = 80000000']);
    expect(plain.core.log.lines).toEqual(['vdsa0: Request int handle revoked, but the device has no handles']);
  });
});
