import { execFile } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { promisify } from 'node:util';
import { expect, test } from 'vitest';

const root = new URL('..', import.meta.url).pathname;

test('the example of the README runs: it ends with the vector armed and the SET_IRQS it says', async () => {
  const example = /```ts\n([^]*?)```/.exec(readFileSync(`${root}/README.md`, 'utf8'))?.[1] ?? '';
  const device = `
import { ok } from '@siov/base';
import { pciVfioDevice } from '@siov/vfio';
const space = new Uint8Array(256);
space.set([0x80], 0x34);
space.set([0x11, 0, 1, 0, 0, 0x20, 0, 0, 0, 0x30, 0, 0], 0x80);
const region = (bytes) => ({ size: bytes.length, *read(at, into) { into.set(bytes.subarray(at, at + into.length)); }, *write() {} });
const dma = { map: ok, unmap: ok, unmapAll() {} };
const myDevice = pciVfioDevice({
  name: 'mine', regions: { 0: region(new Uint8Array(0x4000)), 7: region(space) }, msixVectors: 2, dma,
  *setMsix({ start, count, data }) { console.log(start, count, data.fds.map(String)); data.fds[0]?.signal(); return ok(0); },
  *reset() {}, *released() {},
});`;
  const code = `${device}\n${example.replace(/^import .*my-device.*$/m, '')}\nconst loop = vmm.value.mainLoop();\nloop.next();\nloop.next();`;
  const args = ['--conditions=@siov/source', '--input-type=module-typescript', '--eval', code];
  const { stdout } = await promisify(execFile)(process.execPath, args, { cwd: root, timeout: 20_000 });
  expect(stdout.split('\n')).toEqual(["0 1 [ 'null' ]", "0 1 [ '[object Object]' ]", 'message 33 to 0xfee00000', '']);
});
