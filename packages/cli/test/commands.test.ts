import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { parseTrace } from '@siov/scenarios';
import { connectVfioUser } from '@siov/vfio-user';
import { siov, startSiov } from './siov.ts';

let folder = '';
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'siov-cli-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

describe('siov', () => {
  test.each([[['--help']], [['run', 'mdev', '--help']], [['run', 'host', '--help']], [['serve', 'dsa', '--help']], [['guest', '--help']]])('%j prints usage and ends with 0', async (args) => {
    const { status, stdout } = await siov(args);
    expect(status).toBe(0);
    expect(stdout).toMatch(/^Usage: siov/);
  });

  test.each([
    ['an unknown command', ['fly'], /unknown command 'fly'/],
    ['no socket', ['serve', 'dsa'], /required option '--socket <path>'/],
    ['a socket in a folder that is not there', ['serve', 'dsa', '--socket', '/nowhere/dsa.sock'], /siov: cannot serve on \/nowhere\/dsa\.sock: \/nowhere is not a directory/],
    ['a socket path too long for the kernel', ['serve', 'dsa', '--socket', `/tmp/${'x'.repeat(120)}`], /siov: cannot serve on .*107/],
    ['a socket path that is a file', ['serve', 'dsa', '--socket', '/etc/passwd'], /siov: cannot serve on \/etc\/passwd/],
    ['an unknown profile', ['serve', 'dsa', '--socket', '/tmp/x', '--profile', 'gnr'], /Allowed choices are spr, small/],
    ['a size that is none', ['run', 'mdev', '--copies', '64,zero'], /siov: --copies zero: a size is a whole number/],
    ['a policy that is none', ['run', 'mdev', '--vmm', 'lazy'], /Allowed choices are incremental/],
    ['a message store without interrupt remapping', ['run', 'mdev', '--remapping', 'off'], /Allowed choices are on, posted/],
    ['more vectors than a device has', ['run', 'mdev-vsvm', '--vectors', '10'], /siov: --vectors 10: a whole number from 2 to 9/],
    ['a diagram that cannot be written', ['run', 'mdev', '--svg', '/nowhere/run.svg'], /siov: cannot write the diagram to \/nowhere\/run\.svg: ENOENT/],
    ['a trace file that cannot be written', ['run', 'mdev', '--trace', '/nowhere/trace'], /siov: cannot write the trace to \/nowhere\/trace: ENOENT/],
    ['a kernel that is not there', ['guest', '--kernel', '/nowhere/vmlinuz'], /siov: .*\/nowhere\/vmlinuz/],
    ['a number of copies that is none', ['guest', '--copies', '0'], /siov: --copies 0: not a whole number from 1 to 65536/],
    ['more devices than the function has queues', ['guest', '--devices', '9'], /siov: --devices 9: not a whole number from 1 to 8/],
    ['PASIDs of a physical function', ['guest', '--viommu', '--profile', 'small'], /siov: --viommu: the physical function small has no PASIDs for a guest/],
    ['several of a physical function', ['serve', 'dsa', '--socket', '/tmp/x', '--devices', '2', '--profile', 'spr'], /siov: --devices 2: there is one physical function spr/],
    ['a time limit that is none', ['guest', '--timeout', 'soon'], /siov: --timeout soon/],
  ])('%s is refused in one line', async (_what, args, message) => {
    const { status, stdout, stderr } = await siov(args);
    expect(status).not.toBe(0);
    expect(stdout).toBe('');
    expect(stderr).toMatch(message);
    expect(stderr.trim().split('\n').filter((line) => !line.startsWith('(--help') && line !== '').length).toBe(1);
  });
});

describe('siov run mdev', () => {
  test('a reader that closes early ends it quietly, a disk that is full does not', async () => {
    const { stderr } = await siov(['run', 'mdev', '--trace', '/dev/full']);
    expect(stderr).toBe('siov: cannot write the trace to /dev/full: ENOSPC\n');
    const closed = startSiov(['run', 'mdev', '--registers']);
    closed.child.stdout?.destroy();
    expect(await closed.ended).toMatchObject({ status: 0, stderr: '' });
  });

  test('prints lanes for the layers, both interrupt tables and a clean end', async () => {
    const { status, stdout } = await siov(['run', 'mdev']);
    expect(status).toBe(0);
    for (const layer of ['guest irq', 'vmm', 'vfio', 'idxd', 'vfio-mdev', 'ims', 'iommu', 'hw']) expect(stdout).toContain(layer);
    expect(stdout).toMatch(/^ {4}17: +3 +PCI-MSIX-vdsa0 +1-edge +idxd-portal$/m);
    expect(stdout).toMatch(/IR-IMS-dsa0 +0-edge +vfio-msix\[1\]\(dsa0-mdev0\)$/m);
    expect(stdout).toContain('3 copies, 12352 bytes verified, 3 completion interrupts, 0 software errors');
    expect(stdout).toContain('siov guest --copies');
    expect(stdout).toContain('held by the host after the guest left: what it held before');
  });

  test('--mermaid prints nothing but the diagram, --svg draws the same steps; the trap behind a SET_IRQS is in both (R8)', async () => {
    const file = join(folder, 'run.svg');
    const { status, stdout } = await siov(['run', 'mdev', '--copies', '64', '--mermaid', '--svg', file]);
    expect(status).toBe(0);
    const [, title, , kind, ...rest] = stdout.trimEnd().split('\n');
    expect([title, kind]).toEqual(['title: "siov run mdev"', 'sequenceDiagram']);
    const agents = new Map(rest.filter((line) => line.startsWith('  participant')).map((line) => (/participant (a\d+) as (.*)/u.exec(line) ?? []).slice(1) as [string, string]));
    expect([...agents.values()].slice(0, 6)).toEqual(['HK', 'QM', 'VC0', 'VC0/host', 'HI', 'DEV']);
    const said = rest.slice(agents.size).map((line) => line.replaceAll(/\ba\d+\b/gu, (id) => agents.get(id) ?? id));
    const request = said.findIndex((line) => line.includes('name=idxd-portal'));
    expect(said.slice(request, request + 3).map((line) => line.replaceAll(/(?: \w+=\S+)+$/gu, '').replace(/ \d+ /u, ' '))).toEqual([
      '  Note over VC0: guest #62; irq: request_irq',
      '  VC0->>VC0/host: irq #62; vmm: guest_write',
      '  Note over VC0/host: vmm #62; vfio: SET_IRQS',
    ]);
    expect(readFileSync(file, 'utf8').match(/<circle/gu)).toHaveLength(said.length);
  });

  test('--json prints one object with result and crossings, --trace the same crossings a line each', async () => {
    const file = join(folder, 'run.trace');
    const { status, stdout } = await siov(['run', 'mdev', '--copies', '1,4096', '--json', '--trace', file]);
    expect(status).toBe(0);
    const result = JSON.parse(stdout) as { copies: unknown; completionInterrupts: number; crossings: unknown[] };
    expect(result).toMatchObject({ copies: { count: 2, bytes: 4097 }, completionInterrupts: 2 });
    expect(parseTrace(readFileSync(file, 'utf8'))).toEqual(result.crossings);
    expect(result.crossings[0]).toMatchObject({ time: expect.any(Number), agent: 'HK', from: 'scenarios', to: 'idxd', operation: 'probe' });
  });
});

describe('siov run', () => {
  test.each([
    ['host', [], ['a1', 'a12'], /^ *17: +0 +1 +IR-PCI-MSIX-dsa0 +1-edge +idxd-portal$/m],
    ['host', ['--store', 'ims'], ['a1', 'a3'], /IR-IMS-dsa0 +0-edge +idxd-portal$/m],
    ['mdev', ['--vmm', 'dynamic', '--irqfd', '--devices', '2'], ['b1', 'b19'], /vfio-msix\[1\]\(dsa0-mdev1\)$/m],
    ['mdev-vsvm', ['--queue', 'shared', '--check', 'generation'], ['d1', 'd12'], /IR-IMS-dsa0 +0-edge +vfio-msix\[1\]\(dsa0-mdev0\)$/m],
  ])('%s %j numbers the steps of its flow and ends with the invariants', async (scenario, options, [first, last], interrupt) => {
    const { status, stdout, stderr } = await siov(['run', scenario, '--copies', '64', ...options]);
    expect([status, stderr]).toEqual([0, '']);
    for (const id of [first, last]) expect(stdout).toMatch(new RegExp(`^ *\\d+ +${id} `, 'mu'));
    expect(stdout).toMatch(interrupt);
    expect(stdout).toMatch(/^Interrupt remapping:\n {2}0: irq 16 CPU 0 vector 0x40/mu);
    if (scenario !== 'host') expect(stdout).toMatch(/^Message store:\n {2}0: dsa0-mdev0 interrupt 0, irq 25, open, PASID [12],/mu);
    expect(stdout.match(/^I\d+ +held/gmu)).toHaveLength(11);
    expect(stdout).not.toContain('BROKEN');
  });
});

describe('siov serve dsa', () => {
  test('prints the QEMU option, serves, refuses a second client and a second server, and removes its socket', async () => {
    const socketPath = join(folder, 'dsa.sock');
    const server = startSiov(['serve', 'dsa', '--socket', socketPath]);
    await server.printed(`-device '{"driver":"vfio-user-pci","socket":{"type":"unix","path":"${socketPath}"}}'`);
    const first = await connectVfioUser({ socketPath });
    const second = await connectVfioUser({ socketPath });
    expect(second.ok).toBe(false);
    await server.printed('a second client was refused');
    const other = await siov(['serve', 'dsa', '--socket', socketPath]);
    expect(other.status).not.toBe(0);
    expect(other.stderr).toMatch(/siov: cannot serve on .*dsa\.sock/);
    if (first.ok) first.value.close();
    await server.printed('the client is gone');
    server.child.kill('SIGTERM');
    expect((await server.ended).status).toBe(0);
    expect(existsSync(socketPath)).toBe(false);
  });

  test('--devices 2 serves two devices of one function on two sockets, each to a client of its own, and removes both', async () => {
    const socketPath = join(folder, 'two.sock');
    const server = startSiov(['serve', 'dsa', '--socket', socketPath, '--devices', '2']);
    await server.printed(`"path":"${socketPath}.1"}}'`);
    const clients = [await connectVfioUser({ socketPath }), await connectVfioUser({ socketPath: `${socketPath}.1` })];
    await server.printed('device 1: a client attached');
    expect(clients.map(({ ok }) => ok)).toEqual([true, true]);
    for (const client of clients) if (client.ok) client.value.close();
    await server.printed('device 0: the client is gone');
    server.child.kill('SIGTERM');
    expect((await server.ended).status).toBe(0);
    expect([existsSync(socketPath), existsSync(`${socketPath}.1`)]).toEqual([false, false]);
  });

  test('--viommu prints the IOMMU before the devices behind it, and what the kernel needs', async () => {
    const socketPath = join(folder, 'pasids.sock');
    const server = startSiov(['serve', 'dsa', '--socket', socketPath, '--viommu']);
    await server.printed("The guest's kernel needs: intel_iommu=on,sm_on iommu=pt");
    server.child.kill('SIGTERM');
    expect((await server.ended).stdout).toMatch(/-device intel-iommu,\S*svm=on\S* \\\n +-device '\{"driver":"vfio-user-pci"/);
  });

  test('a second socket that cannot be: nothing is served', async () => {
    const socketPath = join(folder, 'taken.sock');
    writeFileSync(`${socketPath}.1`, '');
    const { status, stderr } = await siov(['serve', 'dsa', '--socket', socketPath, '--devices', '2']);
    expect([status, stderr]).toEqual([1, expect.stringMatching(/^siov: cannot serve on .*taken\.sock\.1: .*\n$/)]);
    expect(existsSync(socketPath)).toBe(false);
  });
});
