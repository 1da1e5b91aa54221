import { describe, expect, test } from 'vitest';
import { ModelError } from '@siov/base';
import { disableIrqNosync, enableIrq, freeIrq } from '@siov/irq';
import type { IrqData } from '@siov/irq';
import { ImsArray } from '../src/index.ts';
import { makeHost } from './host.ts';
import { TABLE_OFFSET } from './store.ts';
import { allocate, EMPTY, fire, request } from './use.ts';

/** The table of a host, its writes and reads noted: `w408 1234`, `r40c`. */
function makeNoted() {
  const host = makeHost();
  const log: string[] = [];
  const port = host.store.port();
  const array = new ImsArray({
    offset: TABLE_OFFSET,
    size: 4,
    port: {
      ...port,
      *read(offset, size) { log.push(`r${offset.toString(16)}`); return yield* port.read(offset, size); },
      *write(offset, size, value) { log.push(`w${offset.toString(16)} ${value.toString(16)}`); yield* port.write(offset, size, value); },
    },
  });
  return { host, log, array };
}

describe('the array', () => {
  test('a control word is one 32-bit write and a read back; a message is low, high, data and a read back', () => {
    const { host, log, array } = makeNoted();
    host.run(array.writeControl(1, 0x5008 as never));
    host.run(array.writeMessage(1, { addressLo: 0xfee01000, addressHi: 0, data: 0x41 }));
    expect(log).toEqual(['w41c 5008', 'r41c', 'w410 fee01000', 'w414 0', 'w418 41', 'r418']);
  });

  test('writes are posted; when a call returns the device obeys it', () => {
    const host = makeHost();
    const { virq, hwirq } = allocate(host, host.mdev(5));
    const pending = () => host.store.underWay;
    expect(pending()).toBe(0);
    const handled = request(host, virq);
    expect(pending()).toBe(0);
    host.run(disableIrqNosync(host.core, virq));
    fire(host, hwirq, 5);
    expect(pending()).toBe(0);
    host.run(enableIrq(host.core, virq));
    host.executor.settle();
    host.run(freeIrq(host.core, virq, 'me'));
    expect([pending(), handled.length, host.store.entry(hwirq)]).toEqual([0, 1, EMPTY]);
  });

  test('entries are 16 bytes from the table’s offset', () => {
    const host = makeHost();
    allocate(host, host.mdev(1));
    const { virq } = allocate(host, host.mdev(2));
    request(host, virq);
    expect([TABLE_OFFSET, host.store.words[7]]).toEqual([0x400, 0x2008]);
  });
});

describe('a message', () => {
  const data = { hwirq: 0 } as IrqData;
  const chipOf = (host: ReturnType<typeof makeHost>) => host.domain.template.chip;

  test('in the interrupt window is stored as it is', () => {
    const host = makeHost();
    host.run(chipOf(host).irqWriteMsiMsg(data, { addressLo: 0xfeefff1c, addressHi: 0, data: 0xffffffff }));
    expect(host.store.entry(0)).toMatchObject({ addressLo: 0xfeefff1c, data: 0xffffffff });
  });

  test('of zeros empties the entry: the device would ignore the address and keep the old one', () => {
    const host = makeHost();
    host.store.words.set([0xfee0f000, 0, 99, 1]);
    host.run(chipOf(host).irqWriteMsiMsg(data, { addressLo: 0, addressHi: 0, data: 0 }));
    expect(host.store.entry(0)).toEqual(EMPTY);
  });

  test.each([[0, 0xfed00000, 0], [1, 0xfee00000, 0], [0, 0, 1], [0, 0xfef00000, 5]])('to 0x%x_%x is a mistake of who composed it, and nothing is written', (addressHi, addressLo, value) => {
    const host = makeHost();
    expect(() => host.run(chipOf(host).irqWriteMsiMsg(data, { addressLo, addressHi, data: value }))).toThrow(ModelError);
    expect(host.store.underWay).toBe(0);
  });
});
