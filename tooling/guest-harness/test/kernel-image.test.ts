import { gzipSync, zstdCompressSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { elfNeeded, elfSection } from '../src/elf/elf.ts';
import { extractVmlinux, kernelRelease } from '../src/kernel/vmlinux.ts';
import { writeElf } from './support/archives.ts';
import { writeBzImage } from './support/kernels.ts';

const vmlinux = writeElf([{ name: '.rodata', bytes: Buffer.from('..Linux version 6.12.1-test (gcc)\0') }]);

describe('ELF', () => {
  test('a section is found by name', () => {
    const image = writeElf([{ name: '.text', bytes: Buffer.from('code') }, { name: '.modinfo', bytes: Buffer.from('a=b') }]);
    expect(elfSection(image, '.modinfo')?.toString()).toBe('a=b');
    expect(elfSection(image, '.BTF')).toBeUndefined();
  });

  test('needed libraries come from the dynamic section, in order', () => {
    const strings = Buffer.from('\0libc.so.6\0libz.so.1\0');
    const dynamic = Buffer.alloc(64);
    [[1n, 11n], [14n, 3n], [1n, 1n], [0n, 0n]].forEach(([tag = 0n, value = 0n], i) => {
      dynamic.writeBigInt64LE(tag, i * 16);
      dynamic.writeBigUInt64LE(value, i * 16 + 8);
    });
    const image = writeElf([{ name: '.dynstr', bytes: strings, type: 3 }, { name: '.dynamic', bytes: dynamic, type: 6, link: '.dynstr' }]);
    expect(elfNeeded(image)).toEqual(['libz.so.1', 'libc.so.6']);
    expect(elfNeeded(writeElf([]))).toEqual([]);
  });

  test('another file is refused', () => {
    expect(() => elfSection(Buffer.from('#!/bin/sh'), '.text')).toThrow('not a 64-bit little-endian ELF');
  });
});

describe('extractVmlinux', () => {
  test.each([['zstd', zstdCompressSync], ['gzip', gzipSync]] as const)('a %s payload', async (_name, compress) => {
    expect((await extractVmlinux(writeBzImage(vmlinux, compress))).equals(vmlinux)).toBe(true);
  });

  test('a vmlinux is one already', async () => {
    expect(await extractVmlinux(vmlinux)).toBe(vmlinux);
  });

  test('what cannot be read is said', async () => {
    await expect(extractVmlinux(Buffer.alloc(0x300))).rejects.toThrow('neither a vmlinux nor a bzImage');
    await expect(extractVmlinux(writeBzImage(vmlinux, () => Buffer.from('02214c18lz4')))).rejects.toThrow('not supported here');
    await expect(extractVmlinux(writeBzImage(Buffer.from('no elf'), gzipSync))).rejects.toThrow('not an ELF image');
  });
});

test('a kernel says its release, compressed or not', () => {
  expect(kernelRelease(vmlinux)).toBe('6.12.1-test');
  expect(kernelRelease(writeBzImage(vmlinux, gzipSync, '7.3.4+deb13-amd64'))).toBe('7.3.4+deb13-amd64');
  expect(() => kernelRelease(writeElf([]))).toThrow('does not say');
});
