// What copies in a guest did, device by device: the guest's count, the host's, and the eventfds' between them.
import type { Guest } from '@siov/guest-harness';
import { procInterrupts } from '@siov/irq';
import type { Serving } from './serving.ts';

/** A function as the guest names it. */
export interface GuestDevice {
  /** `dsa0` */
  readonly device: string;
  /** PCI address, `0000:01:00.0`. */
  readonly function: string;
}

export interface DeviceFigures extends GuestDevice {
  /** On the host: the mediated device's name. */
  readonly mdev: string;
  /** Copies made, callbacks that came, bytes compared, and what was wrong: the DMA client's own count. */
  readonly copies: number;
  readonly callbacks: number;
  readonly bytes: number;
  readonly errors: number;
  /** Of the queue's vector, in the guest. */
  readonly guestInterrupts: number;
  /** Of the interrupt behind it, an entry of the function's message store, on the host. */
  readonly hostInterrupts: number;
  /** Signals of the eventfd between them. */
  readonly signals: number;
}

/** The queue's vector: 0 is the one for commands and errors. */
const QUEUE_VECTOR = 1;

/** The DSAs of the guest in the order of their PCI buses: the order they were attached in. */
export async function guestDevices(guest: Guest): Promise<GuestDevice[]> {
  const listing = await guest.sh('cd /sys/bus/dsa/devices; for d in dsa*; do echo $d $(basename $(dirname $(readlink -f $d))); done');
  const devices = listing.trim().split('\n').map((line) => {
    const [device = '', pciFunction = ''] = line.split(' ');
    return { device, function: pciFunction };
  });
  return devices.sort((a, b) => (a.function < b.function ? -1 : 1));
}

/** The last report of the DMA client for each function, its queue still enabled. */
export async function deviceFigures(guest: Guest, serving: Serving, devices: readonly GuestDevice[]): Promise<DeviceFigures[]> {
  const log = await guest.dmesg();
  const interrupts = await guest.sh('cat /proc/interrupts');
  return devices.map((device, index) => {
    const { name = '', signals = [] } = serving.devices[index] ?? {};
    return {
      ...device,
      mdev: name,
      ...reportOf(log, devices.length === 1 ? undefined : device.function),
      guestInterrupts: guestCount(interrupts, device.function),
      hostInterrupts: hostCount(serving, name),
      signals: signals[QUEUE_VECTOR] ?? 0,
    };
  });
}

/** With one channel the client does not say whose it is. */
function reportOf(log: string, pciFunction: string | undefined): Pick<DeviceFigures, 'copies' | 'callbacks' | 'bytes' | 'errors'> {
  const reports = [...log.matchAll(/dmaclient: copies=(\d+) callbacks=(\d+) bytes=(\d+) errors=(\d+)(?: device=(\S+))?$/gmu)];
  const [, copies, callbacks, bytes, errors] = reports.findLast((report) => report[5] === pciFunction) ?? [];
  return { copies: Number(copies ?? 0), callbacks: Number(callbacks ?? 0), bytes: Number(bytes ?? 0), errors: Number(errors ?? 0) };
}

/** Of the lines of the function's vector in /proc/interrupts: counts of all CPUs. */
function guestCount(interrupts: string, pciFunction: string): number {
  const ours = new RegExp(`PCI-MSIX-${pciFunction.replaceAll('.', '\\.')}\\s+${QUEUE_VECTOR}-edge\\s`, 'u');
  const counts = interrupts.split('\n').filter((line) => ours.test(line)).map((line) => /^\s*\d+:((?:\s+\d+)+)\s/u.exec(line)?.[1] ?? '');
  return counts.join(' ').trim().split(/\s+/u).reduce((sum, count) => sum + Number(count), 0);
}

function hostCount({ host }: Serving, name: string): number {
  const row = procInterrupts(host.core).find(({ actions }) => actions.includes(`vfio-msix[${QUEUE_VECTOR}](${name})`));
  return row?.counts.reduce((sum, count) => sum + count, 0) ?? 0;
}

/** A line for each device, for people. */
export function figuresText(figures: readonly DeviceFigures[]): string {
  const lines = figures.map((each) => {
    const copied = `${each.device} (${each.function}, ${each.mdev}): ${each.copies} copies, ${each.bytes} bytes verified, ${each.errors} errors`;
    return `${copied}; interrupts: host ${each.hostInterrupts}, eventfd ${each.signals}, guest ${each.guestInterrupts}\n`;
  });
  return lines.join('');
}
