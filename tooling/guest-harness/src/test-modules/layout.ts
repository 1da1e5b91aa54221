// The header that fits a test module to one kernel: sizes, offsets and constants from its BTF, and its vermagic.
import type { Btf } from '../kernel/btf.ts';

const SIZES = ['module', 'kernel_param', 'completion'] as const;

const OFFSETS: Readonly<Record<string, readonly string[]>> = {
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
};

const ENUMERATORS = ['DMA_MEMCPY', 'DMA_PREP_INTERRUPT', 'DMA_TRANS_NOERROR'] as const;

/** What GFP_KERNEL is made of (include/linux/gfp_types.h). */
const GFP_KERNEL_BITS = ['___GFP_DIRECT_RECLAIM_BIT', '___GFP_KSWAPD_RECLAIM_BIT', '___GFP_IO_BIT', '___GFP_FS_BIT'] as const;

/** The text of `layout.h`. `vermagic` is a stock module's. Throws KERNEL when the kernel lacks one of the types. */
export function layoutHeader(btf: Btf, vermagic: string): string {
  const defines: (readonly [string, string | number])[] = [
    ['VERMAGIC', JSON.stringify(vermagic)],
    ['MODULE_NAME_SIZE', btf.arrayLength('module', 'name')],
    ...SIZES.map((name) => [`SIZE_${name}`, btf.sizeOf(name)] as const),
    ...Object.entries(OFFSETS).flatMap(([type, members]) =>
      members.map((member) => [`OFFSET_${type}_${member}`, btf.offsetOf(type, member)] as const),
    ),
    ...ENUMERATORS.map((name) => [name, btf.enumerator(name)] as const),
    ['GFP_KERNEL', GFP_KERNEL_BITS.reduce((bits, name) => bits | (1 << btf.enumerator(name)), 0)],
  ];
  return `#pragma once\n${defines.map(([name, value]) => `#define ${name} ${value}\n`).join('')}`;
}
