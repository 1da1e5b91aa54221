// What every chip that stores messages in a device has to satisfy: PCI MSI-X, an array of entries, a queue of commands.
import { irqSetAffinity } from './affinity.ts';
import { cpuMask, cpusOf } from './cpu-mask.ts';
import { disableIrq, enableIrq } from './enable.ts';
import { irqInjectInterrupt } from './irqchip-state.ts';
import { ChipEntry, equal, isNone, must, same, show, watched } from './testing-chip-entry.ts';
import type { ChipRig, StoredEntry } from './testing-chip-entry.ts';

export type TestFunction = (name: string, run: () => void) => void;

/** Runs the contract: calls `test` for each rule, with a function that throws an Error when the chip breaks it. */
export function irqChipContract(test: TestFunction, makeRig: () => ChipRig): void {
  const rule = (name: string, body: (entry: ChipEntry) => void): void => test(name, () => body(new ChipEntry(makeRig())));

  rule('an entry just allocated is masked and holds nothing of an earlier owner', (entry) => {
    const { rig } = entry;
    if (rig.soil !== undefined) {
      rig.free(entry.virq);
      rig.soil(entry.hwirq);
      const again = rig.allocate();
      must(again.hwirq === entry.hwirq, `slot ${entry.hwirq} is given out again`);
      entry.virq = again.virq;
    }
    const { masked, message, id } = entry.stored;
    must(masked, 'masked after allocation');
    must(equal(message, entry.empty) || equal(message, entry.composed), `no message but its own after allocation, not ${show(message)}`);
    entry.request();
    must(isNone(id) || id === entry.stored.id, `no id but its own after allocation, not ${String(id)}`);
  });

  rule('whenever it is unmasked while it is requested, its message and id are in the hardware already', (entry) => {
    const seen: StoredEntry[] = [];
    entry.request(() => seen.push(entry.stored));
    const { masked, message, id } = entry.stored;
    must(!masked, 'unmasked when request_irq() returns');
    must(equal(message, entry.composed), `it holds ${show(message)}, not the message of its hierarchy`);
    for (const each of seen) {
      if (each.masked) continue;
      must(equal(each.message, message), `unmasked with ${show(each.message)}`);
      must(each.id === id, `unmasked with id ${String(each.id)}`);
    }
  });

  rule('an event is received once', (entry) => {
    entry.request();
    for (let count = 1; count <= 3; count++) {
      entry.raise();
      entry.expect(count);
    }
  });

  rule('masked, nothing is received; unmasked, what it kept is received once', (entry) => {
    entry.request();
    entry.mask();
    must(entry.stored.masked, 'masked in the hardware');
    entry.raise();
    entry.raise();
    entry.expect(0);
    entry.unmask();
    must(!entry.stored.masked, 'unmasked in the hardware');
    entry.expect(entry.rig.latches ? 1 : 0);
    entry.raise();
    entry.expect(entry.rig.latches ? 2 : 1);
  });

  rule('masking what is masked and unmasking what is not changes nothing', (entry) => {
    entry.request();
    for (const [masked, set] of [[true, () => entry.mask()], [false, () => entry.unmask()]] as const) {
      set();
      const once = entry.stored;
      // Past the core, which would not ask the chip again.
      entry.desc.state.masked = !masked;
      set();
      must(once.masked === masked && same(once, entry.stored), `twice ${masked ? 'masked' : 'unmasked'} is as once`);
    }
    entry.expect(0);
    entry.raise();
    entry.expect(1);
  });

  rule('I9: any number of events while it is disabled is received once when it is enabled', (entry) => {
    entry.request();
    for (let count = 1; count <= 2; count++) {
      entry.run(disableIrq(entry.core, entry.virq));
      entry.raise();
      if (entry.desc.state.data?.chip.irqBusLock === undefined) must(entry.stored.masked, 'masked by the first event while it is disabled');
      entry.raise();
      entry.expect(count - 1);
      entry.run(enableIrq(entry.core, entry.virq));
      entry.expect(count);
      must(!entry.stored.masked, 'unmasked after enable_irq()');
    }
  });

  rule('I6, R23: when free_irq() returns it is masked, without id, its message gone, and nothing is received', (entry) => {
    entry.request();
    let masked = false;
    entry.free(() => {
      must(!masked || entry.stored.masked, 'once masked it stays masked');
      masked = entry.stored.masked;
    });
    const { stored } = entry;
    must(stored.masked, 'masked');
    must(isNone(stored.id), `without id, not ${String(stored.id)}`);
    must(equal(stored.message, entry.empty), `without message, not ${show(stored.message)}`);
    entry.raise();
    entry.expect(0);
  });

  rule('requested again it works as the first time, and gets no event of the owner before', (entry) => {
    entry.request();
    const { message, id } = entry.stored;
    entry.raise();
    entry.expect(1);
    entry.free();
    entry.request();
    entry.expect(1);
    must(!entry.stored.masked && entry.stored.id === id && !equal(message, entry.empty), 'the entry is as the first time');
    entry.raise();
    entry.expect(2);
  });

  rule('an event between any two steps of requesting is received, between any two of freeing not after it', (entry) => {
    const count = entry.stepsOf(() => entry.request());
    for (let at = 0; at < count; at++) {
      const each = new ChipEntry(makeRig());
      each.request((step) => { if (step === at) each.raise(); });
      each.settle();
      must(each.received === 1 || (!each.rig.latches && each.received === 0), `received ${each.received} times, raised at step ${at} of requesting`);
      const before = each.received;
      each.free((step) => { if (step === at) each.raise(); });
      const returned = each.received;
      each.raise();
      must(each.received === returned && returned - before <= 1, `received after free_irq(), raised at step ${at} of it`);
    }
  });

  rule('raised again by software it is received once', (entry) => {
    entry.request();
    entry.run(irqInjectInterrupt(entry.core, entry.virq));
    entry.expect(1);
  });

  rule('R18: nothing but requesting, freeing, moving and masking changes what an entry in use holds', (entry) => {
    entry.request();
    const running = entry.stored;
    entry.run(disableIrq(entry.core, entry.virq));
    entry.raise();
    must(equal(entry.stored.message, running.message) && entry.stored.id === running.id, 'message and id stay while it is disabled');
    entry.run(enableIrq(entry.core, entry.virq));
    entry.settle();
    must(same(entry.stored, running), 'and are the same after it');
  });

  rule('moved to any CPU, also between events, it holds the message of its target and no event is lost', (entry) => {
    entry.request();
    const cpus = cpusOf(entry.core.online);
    let expected = 0;
    for (const cpu of [...cpus, ...cpus.toReversed()]) {
      const moved = entry.run(irqSetAffinity(entry.core, entry.virq, cpuMask(cpu)));
      must(moved.ok, `it can be moved to CPU ${cpu}`);
      // The first event makes a move that waits for it, the second ends it.
      for (let each = 0; each < 2; each++) {
        entry.raise();
        entry.expect(++expected);
      }
      must(equal(entry.stored.message, entry.composed) && !entry.stored.masked, `it holds the message for CPU ${cpu}, unmasked`);
      must(entry.desc.state.effectiveAffinity === cpuMask(cpu), `it arrives at CPU ${cpu}`);
    }
  });

  rule('an event between any two steps of a move is received', (entry) => {
    entry.request();
    const last = cpusOf(entry.core.online).at(-1) ?? 0;
    const move = (each: ChipEntry, watch?: (step: number) => void) => each.run(watched(irqSetAffinity(each.core, each.virq, cpuMask(last)), watch));
    const count = entry.stepsOf(() => move(entry));
    for (let at = 0; at < count; at++) {
      const each = new ChipEntry(makeRig());
      each.request();
      move(each, (step) => { if (step === at) each.raise(); });
      each.expect(1);
      each.raise();
      each.expect(2);
    }
  });
}
