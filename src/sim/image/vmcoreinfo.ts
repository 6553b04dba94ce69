// VMCOREINFO of the image: the text, its page in memory and the ELF note around it, from which
// kexec-tools and those who search memory take it. Only what the image really has is named.

import { PAGE_SIZE } from '../../arch/x86-64.ts';
import { writeNotes, type ElfNoteSpec } from '../../format/elf/write.ts';
import { writeVmcoreinfo, type VmcoreinfoFields } from '../../format/vmcoreinfo/write.ts';
import { findMember, type StructType } from '../../types/ctype.ts';
import { assert } from '../../util/assert.ts';
import type { Areas } from './areas.ts';
import type { KernelImage } from './kernel-image.ts';
import { LATCHED_SEQ } from './log-buffer.ts';
import type { MachineFacts } from './machine-facts.ts';

/** The keys of kernel 6.1 (kernel/crash_core.c), the kallsyms ones last as there. */
const SYMBOLS = ['init_uts_ns', '_stext'];
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
  'pglist_data.node_zones',
  'pglist_data.nr_zones',
  'pglist_data.node_start_pfn',
  'pglist_data.node_spanned_pages',
  'pglist_data.node_id',
  'zone.free_area',
  'zone.vm_stat',
  'zone.spanned_pages',
  'free_area.free_list',
  'list_head.next',
  'list_head.prev',
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
/** Of types that no layout file has by these names. */
const LOG_FIXED = {
  sizes: { atomic_long_t: 8, latched_seq: LATCHED_SEQ.size },
  offsets: { 'atomic_long_t.counter': 0, 'latched_seq.val': LATCHED_SEQ.valOffset },
  lengths: { printk_info_subsystem: 16, printk_info_device: 48 },
};

/** Keys of a part of the kernel that not every image has. */
export type VmcoreinfoKeys = Required<
  Pick<VmcoreinfoFields, 'symbols' | 'sizes' | 'offsets' | 'lengths' | 'numbers'>
>;

/** What the text says besides what all images have. */
export interface VmcoreinfoOptions {
  readonly facts: MachineFacts;
  /** Keys for those who filter the dump. */
  readonly memMap?: VmcoreinfoKeys;
}

/** Writes the text into memory and returns it. The symbols of kallsyms must be placed. */
export function placeVmcoreinfo(
  image: KernelImage,
  areas: Areas,
  options: VmcoreinfoOptions,
): Uint8Array {
  const text = vmcoreinfoText(image, areas, options);
  assert(text.length <= PAGE_SIZE, `VMCOREINFO of ${text.length} bytes`);
  const { memory } = areas;
  const data = areas.allocatePages(PAGE_SIZE);
  memory.write(data, text);
  const note = areas.allocatePages(2 * PAGE_SIZE);
  memory.write(note, writeNotes([vmcoreinfoNote(text)]));
  memory.writeInteger(image.symbol('vmcoreinfo_data'), data, 8);
  memory.writeInteger(image.symbol('vmcoreinfo_size'), text.length, 8);
  memory.writeInteger(image.symbol('vmcoreinfo_note'), note, 8);
  return text;
}

function vmcoreinfoText(
  image: KernelImage,
  areas: Areas,
  { facts, memMap }: VmcoreinfoOptions,
): Uint8Array {
  const { types } = areas.memory;
  const struct = (name: string): StructType | undefined => {
    const type = types.find('struct', name);
    return type?.kind === 'struct' ? type : undefined;
  };
  const hasLog = facts.log !== undefined;
  const offsets = [...OFFSETS, ...(hasLog ? LOG_OFFSETS : [])].flatMap(
    (path): [string, number][] => {
      const [name = '', member = ''] = path.split('.');
      const type = struct(name);
      const place = type === undefined ? undefined : findMember(type, member);
      return place === undefined ? [] : [[path, place.bitOffset / 8]];
    },
  );
  const sizes = [...SIZES, ...(hasLog ? LOG_SIZES : [])].flatMap((name): [string, number][] => {
    const type = struct(name);
    return type === undefined ? [] : [[name, type.size]];
  });
  const kallsyms = KALLSYMS.map((name) => `kallsyms_${name}`);
  return writeVmcoreinfo({
    osrelease: facts.release,
    buildId: facts.buildId,
    pageSize: PAGE_SIZE,
    symbols: {
      ...Object.fromEntries(
        [...SYMBOLS, ...kallsyms, ...(hasLog ? LOG_SYMBOLS : [])].map((name) => [
          name,
          image.symbol(name),
        ]),
      ),
      swapper_pg_dir: image.symbol('init_top_pgt'),
      init_top_pgt: image.symbol('init_top_pgt'),
      ...memMap?.symbols,
    },
    sizes: { ...Object.fromEntries(sizes), ...(hasLog ? LOG_FIXED.sizes : {}), ...memMap?.sizes },
    offsets: {
      ...Object.fromEntries(offsets),
      ...(hasLog ? LOG_FIXED.offsets : {}),
      ...memMap?.offsets,
    },
    lengths: { ...(hasLog ? LOG_FIXED.lengths : {}), ...memMap?.lengths },
    numbers: {
      phys_base: image.kaslr.physBase,
      pgtable_l5_enabled: 0,
      KERNEL_IMAGE_SIZE: 1 << 30,
      sme_mask: 0,
      ...memMap?.numbers,
    },
    kernelOffset: image.kaslr.kernelOffset,
  });
}

/** The ELF note that carries the text. */
export function vmcoreinfoNote(text: Uint8Array): ElfNoteSpec {
  return { name: 'VMCOREINFO', type: 0, desc: text };
}
