import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { loadOrder, moduleDependencies, moduleInfo, moduleName, parseModinfo } from '../src/kernel/modinfo.ts';
import { collectModules } from '../src/kernel/module-set.ts';
import { writeElf, writeModule } from './support/archives.ts';

describe('modinfo', () => {
  test('keys may repeat, and values hold equals signs', () => {
    const info = parseModinfo(Buffer.from('alias=pci:v8086\0alias=pci:v1af4\0parm=sva:a=b\0\0junk\0'));
    expect(info.get('alias')).toEqual(['pci:v8086', 'pci:v1af4']);
    expect(info.get('parm')).toEqual(['sva:a=b']);
    expect(info.has('junk')).toBe(false);
  });

  test('dependencies have the names the kernel uses', () => {
    expect(moduleDependencies(moduleInfo(writeModule(['vfio-pci-core', 'irqbypass'])))).toEqual(['vfio_pci_core', 'irqbypass']);
    expect(moduleDependencies(moduleInfo(writeModule()))).toEqual([]);
    expect(() => moduleInfo(writeElf([]))).toThrow('not a kernel module');
  });

  test.each([['kernel/drivers/vfio/pci/vfio-pci.ko.xz', 'vfio_pci'], ['idxd.ko', 'idxd'], ['a.ko.zst', 'a']])('%s is module %s', (file, name) => {
    expect(moduleName(file)).toBe(name);
  });
});

describe('loadOrder', () => {
  test('every module comes once and after all it needs', () => {
    const graph = fc.array(fc.array(fc.nat(9), { maxLength: 4 }), { minLength: 1, maxLength: 10 });
    fc.assert(
      fc.property(graph, (raw) => {
        const needs = raw.map((list, i) => list.filter((other) => other < i)); // only backwards: no circle
        const order = loadOrder([`m${needs.length - 1}`], (name) => needs[Number(name.slice(1))]?.map((i) => `m${i}`));
        expect(new Set(order).size).toBe(order.length);
        for (const [at, name] of order.entries()) {
          for (const needed of needs[Number(name.slice(1))] ?? []) expect(order.indexOf(`m${needed}`)).toBeLessThan(at);
        }
      }),
    );
  });

  test('a missing module and a circle are errors', () => {
    expect(() => loadOrder(['a'], (name) => (name === 'a' ? ['b'] : undefined))).toThrow('the kernel has no module b (needed by a)');
    expect(() => loadOrder(['a'], (name) => (name === 'a' ? ['b'] : ['a']))).toThrow('in a circle');
  });
});

describe('collectModules', () => {
  const kernel: Readonly<Record<string, Buffer>> = {
    idxd: writeModule(['idxd_bus', 'surprise']),
    idxd_bus: writeModule(),
    surprise: writeModule(),
    vfio_pci: writeModule(['vfio_pci_core']),
    irqbypass: writeModule(),
    unrelated: writeModule(),
  };

  test('a dependency nobody knew of is asked for, and only complete sets are kept', async () => {
    const asked: string[][] = [];
    const modules = await collectModules(async (names) => {
      asked.push([...names]);
      return new Map([...names].flatMap((name) => (kernel[name] ? [[name, kernel[name]] as const] : [])));
    });
    expect([...modules.keys()].sort()).toEqual(['idxd', 'idxd_bus', 'surprise']);
    expect(asked).toHaveLength(2);
    expect(asked[1]).toEqual(['surprise']);
  });
});
