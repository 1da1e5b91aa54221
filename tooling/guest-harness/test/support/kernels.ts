// Kernel images as far as the harness looks into them.

/** A bzImage around a payload: setup header, version string, compressed payload with its length appended. */
export function writeBzImage(vmlinux: Buffer, compress: (bytes: Buffer) => Buffer, release = '6.12.1-test'): Buffer {
  const setupSects = 3;
  const setup = Buffer.alloc((setupSects + 1) * 512);
  const payload = Buffer.concat([compress(vmlinux), Buffer.alloc(4)]);
  setup[0x1f1] = setupSects;
  setup.write('HdrS', 0x202, 'latin1');
  setup.writeUInt16LE(0x400 - 0x200, 0x20e);
  setup.write(`${release} (builder@host) #1 SMP\0`, 0x400, 'latin1');
  setup.writeUInt32LE(0x20, 0x248);
  setup.writeUInt32LE(payload.length, 0x24c);
  return Buffer.concat([setup, Buffer.alloc(0x20, 0xcc), payload]);
}
