// VMCOREINFO of Linux 6.1 (kernel/crash_core.c, kernel/printk/printk.c, arch/x86).

import { LATCHED_SEQ } from './log-buffer.ts';
import { MAX_PHYSMEM_BITS, SECTION_SIZE_BITS } from './sections.ts';
import { MMZONE_OFFSETS, type VmcoreinfoPlan } from './vmcoreinfo.ts';

const KALLSYMS = ['names', 'num_syms', 'token_table', 'token_index', 'offsets', 'relative_base'];
const SIZES = ['page', 'pglist_data', 'zone', 'free_area', 'list_head'];
const OFFSETS = [
  'uts_namespace.name',
  'page.flags',
  'page._refcount',
  'page.mapping',
  'page.lru',
  'page._mapcount',
  'page.private',
  'page.compound_dtor',
  'page.compound_order',
  'page.compound_head',
  ...MMZONE_OFFSETS,
];

/** What tools need to read the log, where the image has it. */
const LOG_SYMBOLS = ['prb', 'printk_rb_static', 'clear_seq'];
const LOG_SIZES = [
  'printk_ringbuffer',
  'prb_desc_ring',
  'prb_desc',
  'prb_data_blk_lpos',
  'printk_info',
  'dev_printk_info',
  'prb_data_ring',
];
const LOG_OFFSETS = [
  'printk_ringbuffer.desc_ring',
  'printk_ringbuffer.text_data_ring',
  'printk_ringbuffer.fail',
  'prb_desc_ring.count_bits',
  'prb_desc_ring.descs',
  'prb_desc_ring.infos',
  'prb_desc_ring.head_id',
  'prb_desc_ring.tail_id',
  'prb_desc.state_var',
  'prb_desc.text_blk_lpos',
  'prb_data_blk_lpos.begin',
  'prb_data_blk_lpos.next',
  'printk_info.seq',
  'printk_info.ts_nsec',
  'printk_info.text_len',
  'printk_info.caller_id',
  'printk_info.dev_info',
  'dev_printk_info.subsystem',
  'dev_printk_info.device',
  'prb_data_ring.size_bits',
  'prb_data_ring.data',
  'prb_data_ring.head_lpos',
  'prb_data_ring.tail_lpos',
];
const LOG_FIXED = {
  sizes: { atomic_long_t: 8, latched_seq: LATCHED_SEQ.size },
  offsets: { 'atomic_long_t.counter': 0, 'latched_seq.val': LATCHED_SEQ.valOffset },
  lengths: { printk_info_subsystem: 16, printk_info_device: 48 },
};

/** HUGETLB_PAGE_DTOR of enum compound_dtor_id. */
const HUGETLB_PAGE_DTOR = 2;
/** ~PG_buddy and ~PG_offline: page_type of free blocks, and of pages that a balloon took. */
const BUDDY_MAPCOUNT = -129;
const OFFLINE_MAPCOUNT = -257;

/** The keys; those of kallsyms came with Linux 6.0. */
export const VMCOREINFO_6_1: VmcoreinfoPlan = {
  symbols: ['init_uts_ns', '_stext', ...KALLSYMS.map((name) => `kallsyms_${name}`)],
  sizes: SIZES,
  offsets: OFFSETS,
  log: { symbols: LOG_SYMBOLS, sizes: LOG_SIZES, offsets: LOG_OFFSETS, fixed: LOG_FIXED },
  hasBuildId: true,
  filterNumbers: (bit) => ({
    SECTION_SIZE_BITS,
    MAX_PHYSMEM_BITS,
    NR_FREE_PAGES: bit('NR_FREE_PAGES'),
    PG_lru: bit('PG_lru'),
    PG_private: bit('PG_private'),
    PG_swapcache: bit('PG_swapcache'),
    PG_swapbacked: bit('PG_swapbacked'),
    PG_slab: bit('PG_slab'),
    PG_head_mask: 2 ** bit('PG_head'),
    PAGE_BUDDY_MAPCOUNT_VALUE: BUDDY_MAPCOUNT,
    HUGETLB_PAGE_DTOR,
    PAGE_OFFLINE_MAPCOUNT_VALUE: OFFLINE_MAPCOUNT,
  }),
  others: (image) => ({
    symbols: {
      swapper_pg_dir: image.symbol('init_top_pgt'),
      init_top_pgt: image.symbol('init_top_pgt'),
    },
    numbers: {
      phys_base: image.kaslr.physBase,
      pgtable_l5_enabled: 0,
      KERNEL_IMAGE_SIZE: 2 ** 30,
      sme_mask: 0,
    },
  }),
  inImage: false,
};
