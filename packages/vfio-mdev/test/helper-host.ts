// Requests, and a device whose vectors they are for.
import type { IrqSet, IrqSetData } from '@siov/vfio';
import type { VectorBacking } from '../src/index.ts';
import { makeHost } from './host.ts';
import type { CountingFd } from './host.ts';

export const set = (start: number, count: number, data: IrqSetData, action: IrqSet['action'] = 'trigger'): IrqSet => ({ index: 2, start, count, action, data });
export const fds = (start: number, list: readonly (CountingFd | null)[]): IrqSet => set(start, list.length, { kind: 'eventfd', fds: list });
export const DISABLE = set(0, 0, { kind: 'none' });

/** A helper with one emulated vector and two with interrupts. */
export function helperHost(backing: readonly VectorBacking[] = ['emulated', 'msi', 'msi'], options: Parameters<typeof makeHost>[0] = {}) {
  const host = makeHost(options);
  const device = host.mdev();
  return { ...host, device, helper: host.helperOf(device, backing) };
}
