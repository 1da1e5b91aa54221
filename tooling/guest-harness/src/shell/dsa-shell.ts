// What a person types to configure a DSA through idxd's sysfs files, as scripts for `Guest.run`. The order of the
// writes is the driver's: see drivers/dma/idxd/sysfs.c for what it refuses when.
import { GuestError } from '../errors.ts';

/** A work queue and what to do with it. Names and numbers are those of sysfs (`dsa0`, `wq0.1`, `group0.2`). */
export interface WorkQueueSetup {
  /** Device name. Default `dsa0`. */
  readonly device?: string;
  /** Work queue number. Default 0. */
  readonly wq?: number;
  /** Group number. Default 0. */
  readonly group?: number;
  /** Engines to put into the group. Default `[0]`. */
  readonly engines?: readonly number[];
  /** Entries of the queue. Default 16. */
  readonly size?: number;
  /** 1 to 15. Default 10; where the device has priorities, 0 makes Enable WQ fail. */
  readonly priority?: number;
  /** Default `dedicated`: a shared queue in any group needs ENQCMD, which TCG has not. */
  readonly mode?: 'dedicated' | 'shared';
  /** Only for a shared queue, 1 to `size`. */
  readonly threshold?: number;
  /** Default `kernel`. */
  readonly type?: 'kernel' | 'user';
  /** Any name; the driver wants one. Default `dmaengine`. */
  readonly name?: string;
  /** Sub-driver to bind to. Default `dmaengine` for a kernel queue, `user` for a user queue. */
  readonly driver?: string;
}

const BUS = '/sys/bus/dsa';

/** Each function returns a script that ends with status 0, or names the write that was refused on stderr. */
export const dsaShell = {
  /** Configures engines, group and queue of a configurable device (the device must be disabled). */
  configure(setup: WorkQueueSetup = {}): string {
    const { id, wqDir, devices } = paths(setup);
    const { group = 0, engines = [0], size = 16, priority = 10, mode = 'dedicated', threshold } = setup;
    return script([
      ...engines.map((engine) => put(group, `${devices}/engine${id}.${number(engine)}/group_id`)),
      // Shared is the default mode, and a shared queue in a group is refused: mode before group.
      put(mode, `${wqDir}/mode`),
      put(group, `${wqDir}/group_id`),
      put(size, `${wqDir}/size`),
      put(priority, `${wqDir}/priority`),
      ...(threshold === undefined ? [] : [put(threshold, `${wqDir}/threshold`)]),
      ...identity(setup),
    ]);
  },

  /** Configures the queue of a device that is not configurable: its sizes and groups are fixed, only its use is chosen. */
  configureFixed(setup: WorkQueueSetup = {}): string {
    return script(identity(setup));
  },

  /** Enables the device, if it is not, and then the queue. Prints nothing; a refusal shows the device's cmd_status. */
  enable(setup: WorkQueueSetup = {}): string {
    const { device, wqName, driver, devices } = paths(setup);
    return script([
      `if [ "$(cat ${devices}/${device}/state)" != enabled ]; then`,
      put(device, `${BUS}/drivers/idxd/bind`),
      'fi',
      put(wqName, `${BUS}/drivers/${driver}/bind`),
    ], `${devices}/${device}/cmd_status`);
  },

  /** Disables the queue: the driver drains and resets it. */
  disable(setup: WorkQueueSetup = {}): string {
    const { wqName, driver } = paths(setup);
    return script([put(wqName, `${BUS}/drivers/${driver}/unbind`)]);
  },

  /** Disables the device; its queues go first. 6.12 kernels oops here when the device has no event log. */
  disableDevice(setup: WorkQueueSetup = {}): string {
    const { device } = paths(setup);
    return script([put(device, `${BUS}/drivers/idxd/unbind`)]);
  },

  /** Takes the PCI function (`0000:01:00.0`) away from its driver. */
  unbind(address: string, driver = 'idxd'): string {
    return script([put(word(address), `/sys/bus/pci/drivers/${word(driver)}/unbind`)]);
  },

  /** Gives the PCI function to a driver: a new probe, from a reset device. */
  rebind(address: string, driver = 'idxd'): string {
    return script([put(word(address), `/sys/bus/pci/drivers/${word(driver)}/bind`)]);
  },

  /** Prints `device state cmd_status` and one line `queue state mode type name` per queue. */
  status(setup: WorkQueueSetup = {}): string {
    const { device, id, devices } = paths(setup);
    return `cd ${devices}
echo ${device} "$(cat ${device}/state)" "$(cat ${device}/cmd_status)"
for wq in wq${id}.*; do
  echo $wq "$(cat $wq/state)" "$(cat $wq/mode)" "$(cat $wq/type)" "$(cat $wq/name)"
done
`;
  },
} as const;

function paths({ device = 'dsa0', wq = 0, type = 'kernel', driver }: WorkQueueSetup) {
  const id = /\d+$/.exec(word(device))?.[0];
  if (id === undefined) throw new GuestError('USAGE', `not the name of a device: ${device}`);
  const devices = `${BUS}/devices`;
  const wqName = `wq${id}.${number(wq)}`;
  return { device, id, devices, wqName, wqDir: `${devices}/${wqName}`, driver: word(driver ?? (type === 'kernel' ? 'dmaengine' : 'user')) };
}

/** The type clears the name, so it comes first. */
function identity(setup: WorkQueueSetup): string[] {
  const { wqDir, driver } = paths(setup);
  const { type = 'kernel', name = 'dmaengine' } = setup;
  return [put(type, `${wqDir}/type`), put(word(name), `${wqDir}/name`), put(driver, `${wqDir}/driver_name`)];
}

function put(value: string | number, path: string): string {
  return `put ${typeof value === 'number' ? number(value) : word(value)} ${path}`;
}

function script(lines: readonly string[], statusFile?: string): string {
  const more = statusFile === undefined ? '' : `; cmd_status $(cat ${statusFile})`;
  return `put() { # value file
  echo "$1" > "$2" || { echo "refused: $1 to $2${more}" >&2; exit 1; }
}
${lines.join('\n')}
`;
}

/** What goes into a script unquoted must be one harmless word. */
function word(text: string): string {
  if (!/^[\w.:-]+$/.test(text)) throw new GuestError('USAGE', `not a sysfs word: ${JSON.stringify(text)}`);
  return text;
}

function number(value: number): number {
  if (!Number.isInteger(value) || value < -1) throw new GuestError('USAGE', `not a sysfs number: ${value}`);
  return value;
}
