// VMCOREINFO of the image: the text, its page in memory and the ELF note around it, from which
// kexec-tools and those who search memory take it. Only what the image really has is named.

import { PAGE_SIZE } from '../../arch/x86-64.ts';
import { writeNotes, type ElfNoteSpec } from '../../format/elf/write.ts';
import { writeVmcoreinfo } from '../../format/vmcoreinfo/write.ts';
import { findMember, type StructType } from '../../types/ctype.ts';
import type { Areas } from './areas.ts';
import type { KernelImage } from './kernel-image.ts';
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

/** Writes the text into memory and returns it. The symbols of kallsyms must be placed. */
export function placeVmcoreinfo(image: KernelImage, areas: Areas, facts: MachineFacts): Uint8Array {
  const text = vmcoreinfoText(image, areas, facts);
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

function vmcoreinfoText(image: KernelImage, areas: Areas, facts: MachineFacts): Uint8Array {
  const { types } = areas.memory;
  const struct = (name: string): StructType | undefined => {
    const type = types.find('struct', name);
    return type?.kind === 'struct' ? type : undefined;
  };
  const offsets = OFFSETS.flatMap((path): [string, number][] => {
    const [name = '', member = ''] = path.split('.');
    const type = struct(name);
    const place = type === undefined ? undefined : findMember(type, member);
    return place === undefined ? [] : [[path, place.bitOffset / 8]];
  });
  const sizes = SIZES.flatMap((name): [string, number][] => {
    const type = struct(name);
    return type === undefined ? [] : [[name, type.size]];
  });
  const kallsyms = KALLSYMS.map((name) => `kallsyms_${name}`);
  return writeVmcoreinfo({
    osrelease: facts.release,
    buildId: facts.buildId,
    pageSize: PAGE_SIZE,
    symbols: {
      ...Object.fromEntries([...SYMBOLS, ...kallsyms].map((name) => [name, image.symbol(name)])),
      swapper_pg_dir: image.symbol('init_top_pgt'),
      init_top_pgt: image.symbol('init_top_pgt'),
    },
    sizes: Object.fromEntries(sizes),
    offsets: Object.fromEntries(offsets),
    numbers: {
      phys_base: image.kaslr.physBase,
      pgtable_l5_enabled: 0,
      KERNEL_IMAGE_SIZE: 1 << 30,
      sme_mask: 0,
    },
    kernelOffset: image.kaslr.kernelOffset,
  });
}

/** The ELF note that carries the text. */
export function vmcoreinfoNote(text: Uint8Array): ElfNoteSpec {
  return { name: 'VMCOREINFO', type: 0, desc: text };
}
