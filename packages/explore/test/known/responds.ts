// Properties about what follows on what, said in one place.
import type { Predicate, Property } from '../../src/model.ts';

export function responds(name: string, when: Predicate, then: Predicate, within?: number): Property {
  // oxlint-disable-next-line unicorn/no-thenable -- the field's name is the interface's; nobody awaits a property
  const property = { kind: 'responds', name, when, then } as const;
  return within === undefined ? property : { ...property, within };
}
