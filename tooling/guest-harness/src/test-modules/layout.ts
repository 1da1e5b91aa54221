// The header that fits a test module to one kernel: sizes, offsets and constants from its BTF, and its vermagic.
import type { Btf } from '../kernel/btf.ts';

/** Struct names to members whose offsets a module uses. */
export type LayoutOffsets = Readonly<Record<string, readonly string[]>>;

const OFFSETS: LayoutOffsets = {
  module: ['name', 'init', 'exit'],
  kernel_param: ['ops', 'perm', 'arg'],
  pt_regs: ['ax', 'cx', 'dx', 'bx', 'sp', 'bp', 'si', 'di', 'r8', 'r9', 'r10', 'r11', 'r12', 'r13', 'r14', 'r15', 'ip', 'cs'],
  die_args: ['regs', 'trapnr'],
  cpuinfo_x86: ['x86_capability'],
  completion: ['done', 'wait'],
  dma_chan: ['device'],
  dma_device: ['dev', 'device_prep_dma_memcpy', 'device_issue_pending'],
  dma_async_tx_descriptor: ['callback_result', 'callback_param', 'tx_submit'],
  dmaengine_result: ['result'],
  device: ['kobj'],
  kobject: ['name'],
};

const ENUMERATORS = ['DMA_MEMCPY', 'DMA_PRIVATE', 'DMA_PREP_INTERRUPT', 'DMA_TRANS_NOERROR'] as const;

/** What GFP_KERNEL is made of (include/linux/gfp_types.h). */
const GFP_KERNEL_BITS = ['___GFP_DIRECT_RECLAIM_BIT', '___GFP_KSWAPD_RECLAIM_BIT', '___GFP_IO_BIT', '___GFP_FS_BIT'] as const;

/**
 * The text of `layout.h`: SIZE_<type> and OFFSET_<type>_<member> in bytes, enumerators under their own names.
 * `vermagic` is a stock module's; `more` adds structs or replaces their member lists. Throws KERNEL when the kernel lacks a type.
 */
export function layoutHeader(btf: Btf, vermagic: string, more: LayoutOffsets = {}): string {
  const structs = Object.entries({ ...OFFSETS, ...more });
  const defines: (readonly [string, string | number])[] = [
    ['VERMAGIC', JSON.stringify(vermagic)],
    ['MODULE_NAME_SIZE', btf.arrayLength('module', 'name')],
    // Two structs can share a name (there are two dma_chan): size and offsets must be those of one of them.
    ...structs.map(([type, members]) => [`SIZE_${type}`, btf.sizeOf(type, members)] as const),
    ...structs.flatMap(([type, members]) => members.map((member) => [`OFFSET_${type}_${member}`, btf.offsetOf(type, member, members)] as const)),
    ...ENUMERATORS.map((name) => [name, btf.enumerator(name)] as const),
    ['GFP_KERNEL', GFP_KERNEL_BITS.reduce((bits, name) => bits | (1 << btf.enumerator(name)), 0)],
  ];
  return `#pragma once\n${defines.map(([name, value]) => `#define ${name} ${value}\n`).join('')}`;
}
