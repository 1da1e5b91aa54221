import { expect, test } from 'vitest';
import { ModelError, plainState } from '@siov/base';
import { DomainRegistry } from '../src/domain-registry.ts';
import { PagingDomain } from '../src/index.ts';
import { TableMemory } from '../src/table-memory.ts';
import { value } from './machine.ts';

test('a domain has an id and an address while entries name it, and asking for one that none names is a programmer’s mistake', () => {
  const registry = new DomainRegistry(plainState, 'r', new TableMemory(plainState, 'r'));
  const domain = new PagingDomain(plainState, 'd');
  const absent = (address: number) => {
    for (const ask of [() => registry.domainId(domain), () => registry.at(address), () => registry.release(domain)]) expect(ask).toThrow(ModelError);
  };
  absent(0x20000);
  const { address, domainId } = value(registry.take(domain));
  expect(value(registry.take(domain))).toMatchObject({ address, domainId });
  registry.release(domain);
  expect([registry.domainId(domain), registry.at(address)]).toEqual([domainId, domain]);
  registry.release(domain);
  absent(address);
  expect(value(registry.take(new PagingDomain(plainState, 'next')))).toMatchObject({ address, domainId });
});
