// A stack of domains that logs what is done to each level and can be told which one refuses what.
import { fail, IdAllocator, ok, plainState } from '@siov/base';
import type { StatePort } from '@siov/base';
import { IrqDomain } from '../src/index.ts';
import type { IrqChip, IrqDomainOps, IrqDomainOptions } from '../src/index.ts';

export interface Level {
  readonly name: string;
  readonly refuses?: 'alloc' | 'activate';
  readonly disconnected?: boolean;
  readonly options?: IrqDomainOptions;
  readonly ops?: Partial<IrqDomainOps<unknown>>;
}

/** Root first. `live` counts interrupts of all levels, `active` those activated. */
export function makeStack(levels: readonly Level[], state: StatePort = plainState) {
  const log: string[] = [];
  const counts = state.record('stack', { live: 0, active: 0 });
  const ids = new IdAllocator(state, 'stack/ids', { first: 0, end: 1000 });
  let domain: IrqDomain | null = null;
  for (const { name, refuses, disconnected = false, options, ops = {} } of levels) {
    const chip: IrqChip = { name };
    const all: IrqDomainOps<unknown> = {
      *alloc() {
        log.push(`alloc ${name}`);
        if (refuses === 'alloc') return fail('ENOSPC', `${name} is full`);
        const id = ids.alloc();
        if (!id.ok) return id;
        counts.live += 1;
        return ok({ hwirq: id.value, chip, chipData: null });
      },
      *free({ hwirq }) {
        log.push(`free ${name}`);
        ids.free(hwirq);
        counts.live -= 1;
      },
      *activate() {
        log.push(`activate ${name}`);
        if (refuses === 'activate') return fail('ENOSPC', `${name}: no vector`);
        counts.active += 1;
        return ok();
      },
      *deactivate() {
        log.push(`deactivate ${name}`);
        counts.active -= 1;
      },
      disconnected: () => disconnected,
      ...ops,
    };
    domain = new IrqDomain(state, name, all, domain, options);
  }
  if (domain === null) throw new Error('a stack without levels');
  return { domain, log, counts };
}
