// What every MSI domain has to satisfy, whatever its hardware and whatever an allocation has to bring.
import type { Result, Steps } from '@siov/base';
import type { IrqData } from './chip.ts';
import { composeMsiMsg } from './hierarchy.ts';
import { freeIrq, requestIrq } from './manage.ts';
import type { DeviceMsi } from './msi-device.ts';
import type { MsiDomain } from './msi-domain.ts';
import type { MsiDesc } from './msi-types.ts';
import type { TestFunction } from './testing-irq-chip.ts';

/** A machine with the domain in it, made anew for every test. The domain has at least four slots, all free. */
export interface MsiDomainRig<C> {
  readonly domain: MsiDomain<C>;
  /** One more device that shares the domain, and a cookie that is good for it. */
  device(): { readonly msi: DeviceMsi<C>; readonly cookie: C };
  /** A cookie that the domain refuses for that device; absent: it takes any. */
  refused?(msi: DeviceMsi<C>): C;
  /** Whether the device's slot is masked and holds no message or id. */
  isReset(hwirq: number): boolean;
  /** Everything that a failed call must leave as it was, and that is as before when all is given back: plain data. */
  counters(): unknown;
  /** Runs a call to its end; where it waits, the machine's other agents run. */
  run<T>(steps: Steps<T>): T;
}

/** Runs the contract: calls `test` for each rule, with a function that throws an Error when the domain breaks it. */
export function msiDomainContract<C>(test: TestFunction, makeRig: () => MsiDomainRig<C>): void {
  const rule = (name: string, body: (checked: Checked<C>) => void): void => test(name, () => body(new Checked(makeRig())));

  rule('a cookie it refuses is refused before anything is taken (EINVAL)', (checked) => {
    const { rig, msi } = checked;
    if (rig.refused === undefined) return;
    const cookie = rig.refused(msi);
    checked.fails('EINVAL', () => rig.run(msi.allocIrqAt(0, cookie)));
    checked.fails('EINVAL', () => rig.run(msi.allocIrqsRange(0, 1, cookie)));
  });

  rule('an interrupt is found by its index, its slot and its virq, with the cookie as it was given', (checked) => {
    const { rig, msi, cookie } = checked;
    const desc = checked.alloc(msi, 1, cookie);
    must(desc.cookie === cookie, 'the descriptor has the cookie that was given, not another');
    must(desc.device === msi.device && desc.index === 1, 'the descriptor names the device and the index');
    must(msi.desc(1) === desc && msi.virq(1) === desc.virq && desc.virq > 0, 'the device finds the interrupt by its index');
    must(rig.domain.irqDomain.findMapping(desc.hwirq) === desc.virq, `slot ${desc.hwirq} is mapped to the virq`);
    must(dataOf(checked, desc).chipData === desc, 'chip callbacks get the descriptor');
    checked.free(msi, 1);
    must(msi.desc(1) === undefined && msi.virq(1) === 0, 'the device knows the interrupt no more');
    must(rig.domain.irqDomain.findMapping(desc.hwirq) === 0, `slot ${desc.hwirq} is mapped no more`);
  });

  rule('an index that is taken is EBUSY, one beyond the hardware ERANGE', (checked) => {
    const { rig, msi, cookie } = checked;
    checked.alloc(msi, 0, cookie);
    checked.fails('EBUSY', () => rig.run(msi.allocIrqAt(0, cookie)));
    checked.fails('ERANGE', () => rig.run(msi.allocIrqAt(msi.slots.end, cookie)));
  });

  rule('every slot can be had, and with none left the next one gets ENOSPC, or EBUSY where slots are indices', (checked) => {
    const { rig, msi, cookie } = checked;
    const { slots } = rig.domain;
    for (let count = 0; count < slots.end; count++) checked.alloc(msi, 'any', cookie);
    must(slots.used === slots.end, `${slots.used} of ${slots.end} slots are taken`);
    checked.fails(rig.domain.template.slots === 'any' ? 'ENOSPC' : 'EBUSY', () => rig.run(msi.allocIrqAt('any', cookie)));
  });

  rule('devices share the slots and not their indices', (checked) => {
    const { rig, msi, cookie } = checked;
    const other = rig.device();
    const anySlot = rig.domain.template.slots === 'any';
    const first = checked.alloc(msi, 0, cookie);
    if (!anySlot) checked.fails('EBUSY', () => rig.run(other.msi.allocIrqAt(0, other.cookie)));
    const second = checked.alloc(other.msi, anySlot ? 0 : 1, other.cookie);
    must(first.hwirq !== second.hwirq && first.virq !== second.virq, 'two interrupts have a slot and a virq each');
    checked.free(msi, 0);
    must(other.msi.desc(second.index) === second && rig.domain.irqDomain.findMapping(second.hwirq) === second.virq, 'the other device keeps its interrupt');
    checked.free(other.msi, second.index);
  });

  rule('a range is allocated as a whole or not at all', (checked) => {
    const { rig, msi, cookie } = checked;
    checked.alloc(msi, 2, cookie);
    checked.fails('EBUSY', () => rig.run(msi.allocIrqsRange(0, 3, cookie)));
    checked.fails('EINVAL', () => rig.run(msi.allocIrqsRange(1, 0, cookie)));
    const range = rig.run(msi.allocIrqsRange(0, 1, cookie));
    must(range.ok && range.value.length === 2 && range.value.every(({ index }, at) => index === at), 'indices 0 and 1 are allocated');
  });

  rule('what is given back leaves everything as it was before', (checked) => {
    const { rig, msi, cookie } = checked;
    const before = checked.counters();
    for (const index of [3, 0, 2]) checked.alloc(msi, index, cookie);
    rig.run(msi.allocIrqAt('any', cookie));
    ok(rig.run(msi.freeIrqsRange(2, 3)), 'freeing 2 and 3');
    ok(rig.run(msi.freeIrqsAll()), 'freeing the rest');
    must(checked.counters() === before, `what is taken is as before: ${checked.counters()}, not ${before}`);
    ok(rig.run(msi.freeIrqsAll()), 'freeing nothing');
  });

  rule('an interrupt somebody has requested is not freed (EBUSY)', (checked) => {
    const { rig, msi, cookie } = checked;
    const { virq } = checked.alloc(msi, 0, cookie);
    checked.request(virq);
    checked.fails('EBUSY', () => rig.run(msi.freeIrqsRange(0, 0)));
    checked.fails('EBUSY', () => rig.run(msi.freeIrqsAll()));
    must(msi.virq(0) === virq, 'the interrupt is still there');
  });

  rule('while an interrupt is requested its descriptor has the message its hierarchy composes, afterwards none', (checked) => {
    const { msi, cookie } = checked;
    const desc = checked.alloc(msi, 0, cookie);
    checked.request(desc.virq);
    const composed = composeMsiMsg(dataOf(checked, desc));
    must(composed.ok && same(desc.message, composed.value), 'the message is remembered');
    checked.release(desc.virq);
    must(Object.values(desc.message).every((word) => word === 0), 'the message is zero when nobody has requested the interrupt');
  });

  rule('a slot that was in use is reset before its next owner requests it', (checked) => {
    const { rig, msi, cookie } = checked;
    const desc = checked.alloc(msi, 0, cookie);
    const { hwirq } = desc;
    checked.request(desc.virq);
    must(!rig.isReset(hwirq), 'a requested interrupt is in its slot');
    checked.release(desc.virq);
    checked.free(msi, 0);
    must(rig.isReset(hwirq), `slot ${hwirq} is reset when it is given back`);
    const other = rig.device();
    const next = checked.alloc(other.msi, 0, other.cookie);
    must(next.hwirq === hwirq, `slot ${hwirq} is given out again`);
    if (!rig.domain.flags.activateEarly) must(rig.isReset(hwirq), `slot ${hwirq} holds nothing of its last owner`);
  });
}

class Checked<C> {
  readonly rig: MsiDomainRig<C>;
  readonly msi: DeviceMsi<C>;
  readonly cookie: C;

  constructor(rig: MsiDomainRig<C>) {
    const { msi, cookie } = rig.device();
    this.rig = rig;
    this.msi = msi;
    this.cookie = cookie;
  }

  counters(): string {
    return JSON.stringify(this.rig.counters(), (_key, value: unknown) => (typeof value === 'bigint' ? `${value}n` : value));
  }

  /** The call fails with `errno`, and nothing has changed. */
  fails(errno: string, call: () => Result<unknown>): void {
    const before = this.counters();
    const result = call();
    if (result.ok) throw new Error(`broken: a call succeeds that has to fail with ${errno}`);
    must(result.errno === errno, `a call fails with ${result.errno} (${result.message}), not ${errno}`);
    must(this.counters() === before, `a call that failed with ${errno} leaves everything as it was: ${this.counters()}, not ${before}`);
  }

  alloc(msi: DeviceMsi<C>, index: number | 'any', cookie: C): MsiDesc<C> {
    return ok(this.rig.run(msi.allocIrqAt(index, cookie)), `allocating ${index}`);
  }

  free(msi: DeviceMsi<C>, index: number): void {
    ok(this.rig.run(msi.freeIrqsRange(index, index)), `freeing ${index}`);
  }

  request(virq: number): void {
    ok(this.rig.run(requestIrq(this.rig.domain.core, virq, { name: 'contract', devId: this, handler: () => 'handled' })), `requesting irq ${virq}`);
  }

  release(virq: number): void {
    must(this.rig.run(freeIrq(this.rig.domain.core, virq, this)) === 'contract', `free_irq(${virq}) finds the action`);
  }
}

function dataOf<C>({ rig }: Checked<C>, { virq }: MsiDesc<C>): IrqData {
  const data = rig.domain.core.desc(virq)?.state.data ?? null;
  if (data === null) throw new Error(`irq ${virq} has no hierarchy`);
  return data;
}

function ok<T>(result: Result<T>, doing: string): T {
  if (!result.ok) throw new Error(`${doing} fails: -${result.errno}: ${result.message}`);
  return result.value;
}

function must(holds: boolean, what: string): void {
  if (!holds) throw new Error(`broken: ${what}`);
}

function same(a: object, b: object): boolean {
  return JSON.stringify(Object.entries(a).sort()) === JSON.stringify(Object.entries(b).sort());
}
