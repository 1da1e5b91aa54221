import { describe, expect, test } from 'vitest';
import { fail, must, ok, plainState } from '@siov/base';
import { Device } from '@siov/device';
import { MsiDomain, setMsiDomain } from '../src/index.ts';
import type { MsiDesc, MsiDomainTemplate } from '../src/index.ts';
import { msiDomainContract } from '../src/testing.ts';
import type { MsiDomainRig } from '../src/testing.ts';
import { makeMachine } from './machine.ts';

interface Ticket {
  readonly good: boolean;
}

/** A domain whose allocations need a ticket that it keeps as long as the slot is in use. */
function makeRig(change: Partial<MsiDomainTemplate<Ticket>> = {}): MsiDomainRig<Ticket> {
  const { core, table, vectors, owner, run } = makeMachine({ hwsize: 6 });
  const kept = { tickets: 0 };
  const template: MsiDomainTemplate<Ticket> = {
    name: 'TICKET',
    chip: table,
    hwsize: 6,
    slots: 'any',
    validate: (_device, ticket) => (ticket.good ? ok() : fail('EINVAL', 'a bad ticket')),
    *prepareDesc({ hwirq }: MsiDesc<Ticket>) {
      kept.tickets += 1;
      Object.assign(table.entry(hwirq), { masked: true, pending: false, message: { addressLo: 0, addressHi: 0, data: 0 } });
      return ok();
    },
    *freeDesc() { kept.tickets -= 1; },
    ...change,
  };
  const domain = new MsiDomain(core, owner, vectors.domain, template);
  let devices = 0;
  return {
    domain,
    device() {
      devices += 1;
      const device = new Device(`user${devices}`, { state: plainState, parent: owner });
      return { msi: must(setMsiDomain(core, device, domain), 'the shared domain'), cookie: { good: true } };
    },
    refused: () => ({ good: false }),
    isReset: (hwirq) => table.entry(hwirq).masked && Object.values(table.entry(hwirq).message).every((word) => word === 0),
    counters: () => ({ ...vectors.counters, ...kept, irqs: core.used, slots: domain.slots.used, mapped: domain.irqDomain.mappings }),
    run,
  };
}

describe('any free slot, with a cookie', () => msiDomainContract(test, () => makeRig()));
describe('slots by index, with a cookie', () => msiDomainContract(test, () => makeRig({ slots: 'by-index' })));
describe('messages written early', () => {
  // What was never active keeps the message of its reservation: the entry is masked.
  msiDomainContract(test, () => makeRig({ flags: { activateEarly: true } }));
});

/** The rules a domain breaks. */
function brokenRules(change: Partial<MsiDomainTemplate<Ticket>>, rig: (made: MsiDomainRig<Ticket>) => MsiDomainRig<Ticket> = (made) => made): string[] {
  const broken: string[] = [];
  msiDomainContract((name, run) => {
    try {
      run();
    } catch (error) {
      broken.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }, () => rig(makeRig(change)));
  return broken;
}

describe('the contract finds', () => {
  test('a domain that takes any cookie', () => {
    expect(brokenRules({ validate: () => ok() })).toEqual([expect.stringMatching(/refuses is refused.*succeeds that has to fail with EINVAL/)]);
  });

  test('a chip that does not let go of what it took for a slot', () => {
    expect(brokenRules({ *freeDesc() {} })).toEqual(expect.arrayContaining([expect.stringMatching(/given back leaves everything.*tickets/)]));
  });

  test('a slot that keeps its last owner’s message', () => {
    const stays = (made: MsiDomainRig<Ticket>) => {
      const soiled = new Set<number>();
      return { ...made, isReset: (hwirq: number) => { const reset = made.isReset(hwirq) && !soiled.has(hwirq); if (!reset) soiled.add(hwirq); return reset; } };
    };
    expect(brokenRules({}, stays)).toEqual([expect.stringMatching(/was in use is reset.*slot 0 is reset/)]);
  });

  test('a domain that is refused in the middle and keeps what it had', () => {
    let count = 0;
    const leaky = { *prepareDesc() { count += 1; return count % 3 === 0 ? fail('EBUSY', 'every third') : ok(); } };
    expect(brokenRules(leaky).length).toBeGreaterThan(3);
  });
});
