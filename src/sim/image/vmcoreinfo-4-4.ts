// VMCOREINFO of Linux 4.4 (kernel/kexec_core.c, kernel/printk/printk.c, machine_kexec_64.c of x86).
// It has the address of phys_base, not its value, and names no table of kallsyms.

import type { TypeSource } from '../../types/ctype.ts';
import { vaddrAdd } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import { MMZONE_OFFSETS, type VmcoreinfoPlan } from './vmcoreinfo.ts';

const OFFSETS = [
  'page.flags',
  'page._count',
  'page.mapping',
  'page.lru',
  'page._mapcount',
  'page.private',
  ...MMZONE_OFFSETS,
  'vmap_area.va_start',
  'vmap_area.list',
];

/** PAGE_BUDDY_MAPCOUNT_VALUE (include/linux/mm.h): _mapcount of the first page of a free block. */
const BUDDY_MAPCOUNT = -128;

/** CONFIG_NODES_SHIFT of 10. */
export const MAX_NUMNODES = 1024;

/** The keys. */
export const VMCOREINFO_4_4: VmcoreinfoPlan = {
  symbols: ['init_uts_ns', '_stext', 'vmap_area_list', 'phys_base', 'init_level4_pgt', 'node_data'],
  sizes: ['page', 'pglist_data', 'zone', 'free_area', 'list_head'],
  offsets: OFFSETS,
  log: {
    symbols: ['log_buf', 'log_buf_len', 'log_first_idx', 'log_next_idx'],
    sizes: ['printk_log'],
    offsets: ['ts_nsec', 'len', 'text_len', 'dict_len'].map((member) => `printk_log.${member}`),
    fixed: {},
  },
  hasBuildId: false,
  // The sizes of sections and of memory are known to filters by the release.
  filterNumbers: (bit) => ({
    NR_FREE_PAGES: bit('NR_FREE_PAGES'),
    PG_lru: bit('PG_lru'),
    PG_private: bit('PG_private'),
    PG_swapcache: bit('PG_swapcache'),
    PG_slab: bit('PG_slab'),
    PG_hwpoison: bit('PG_hwpoison'),
    PG_head_mask: 2 ** bit('PG_head'),
    PAGE_BUDDY_MAPCOUNT_VALUE: BUDDY_MAPCOUNT,
  }),
  others: (image, types) => ({
    symbols: {
      swapper_pg_dir: image.symbol('init_level4_pgt'),
      node_online_map: vaddrAdd(image.symbol('node_states'), nodemaskSize(types)),
    },
    sizes: { nodemask_t: nodemaskSize(types) },
    lengths: { node_data: MAX_NUMNODES },
    numbers: { KERNEL_IMAGE_SIZE: 2 ** 30 },
  }),
  inImage: true,
};

/** node_online_map is the second mask of node_states: N_ONLINE is 1. */
function nodemaskSize(types: TypeSource): number {
  const type = types.find('typedef', 'nodemask_t');
  assert(type?.kind === 'struct', `${types.origin} has no nodemask_t`);
  return type.size;
}
