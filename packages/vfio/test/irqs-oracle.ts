// SET_IRQS once more, straight from the kernel's table and without steps, locks or interrupts: what the state machine is
// compared with.
import type { EventFd } from '@siov/base';
import type { IrqSet } from '../src/index.ts';
import { ERR, INTX, MSI, MSIX } from './irqs-machine.ts';
import type { Refusals } from './irqs-machine.ts';

type Fd = EventFd & { readonly closed?: boolean };
type Answer = number | string;

export class Oracle {
  index: number | null = null;
  vectors = 0;
  masked = false;
  triggers = new Map<number, Fd>();
  single: (Fd | null)[] = [null, null];
  unmask: Fd | null = null;
  readonly #counts: Readonly<Record<number, number>>;
  readonly #resize: string;
  #signals: Fd[] = [];

  constructor(counts: Readonly<Record<number, number>>, resize: string) {
    this.#counts = counts;
    this.#resize = resize;
  }

  /** Every eventfd it has, in the order they were made. */
  held(): Fd[] {
    const all = [...this.triggers.values(), ...this.single, this.unmask].filter((fd) => fd !== null);
    return all.toSorted((a, b) => Number(a.name.slice(2)) - Number(b.name.slice(2)));
  }

  request(set: IrqSet, refusals: Refusals): { result: Answer; signals: readonly Fd[] } {
    this.#signals = [];
    const { start, count, index } = set;
    const limit = this.#counts[index] ?? 0;
    const result = start >= limit || start + count > limit ? 'EINVAL' : this.#on(set, refusals);
    return { result, signals: this.#signals };
  }

  #on(set: IrqSet, refusals: Refusals): Answer {
    const { index, data, action, start, count } = set;
    const fds: readonly (Fd | null)[] = data.kind === 'eventfd' ? data.fds : [];
    const meant = (each: number) => data.kind === 'none' || (data.kind === 'bool' && data.values[each] === true);
    if (index >= ERR) {
      const which = index - ERR;
      if (action !== 'trigger') return 'ENOTTY';
      const fd = this.single[which] ?? null;
      if ((data.kind === 'none' && fd === null) || (data.kind !== 'none' && count === 0)) return 'EINVAL';
      if (data.kind === 'eventfd' && fds[0]?.closed === true) return 'EBADF';
      if (data.kind === 'eventfd' || count === 0) this.single[which] = fds[0] ?? null;
      else if (fd !== null && meant(0)) this.#signals.push(fd);
      return 0;
    }
    if (index !== INTX && action !== 'trigger') return 'ENOTTY';
    const disable = action === 'trigger' && data.kind === 'none' && count === 0;
    if (this.index === index && disable) { this.#disable(); return 0; }
    if (index === INTX && count !== 1) return 'EINVAL';
    const starts = this.index === null && data.kind === 'eventfd' && action === 'trigger';
    if (this.index !== index && !starts) return 'EINVAL';
    if (action !== 'trigger') return this.#mask(action, data.kind === 'eventfd', fds[0] ?? null, meant(0));
    const classic = index === MSI || (index === MSIX && this.#resize === 'classic');
    if (starts) {
      if (start + count === 0) return 'ERANGE';
      if (refusals.enable !== null) return refusals.enable;
      if (start + count > refusals.available) return refusals.available;
      this.index = index;
      this.vectors = start + count;
    } else if (classic && (start >= this.vectors || start + count > this.vectors)) return 'EINVAL';
    if (data.kind === 'eventfd') {
      const failed = this.#block(start, fds, refusals);
      if (failed !== null && starts) this.#disable();
      return failed ?? 0;
    }
    for (let each = 0; each < count; each++) {
      const fd = this.triggers.get(start + each);
      if (fd !== undefined && meant(each)) this.#signals.push(fd);
    }
    return 0;
  }

  #block(start: number, fds: readonly (Fd | null)[], { arm }: Refusals): string | null {
    for (const [each, fd] of fds.entries()) {
      this.triggers.delete(start + each);
      if (fd === null) continue;
      if (fd.closed !== true && !arm.includes(start + each)) { this.triggers.set(start + each, fd); continue; }
      for (let undo = 0; undo < each; undo++) this.triggers.delete(start + undo);
      return fd.closed === true ? 'EBADF' : 'ENOSPC';
    }
    return null;
  }

  #mask(action: 'mask' | 'unmask', byFd: boolean, fd: Fd | null, meant: boolean): Answer {
    if (byFd && action === 'mask') return 'ENOTTY';
    if (byFd && fd !== null && this.unmask !== null) return 'EBUSY';
    if (byFd && fd?.closed === true) return 'EBADF';
    if (byFd) this.unmask = fd;
    else if (meant) this.masked = action === 'mask';
    return 0;
  }

  #disable(): void {
    this.index = null;
    this.triggers.clear();
    this.unmask = null;
  }
}
