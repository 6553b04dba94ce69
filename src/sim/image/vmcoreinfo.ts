// VMCOREINFO of the image: the text, its page in memory and the ELF note around it, from which
// kexec-tools and those who search memory take it. Only what the image really has is named.

import { PAGE_SIZE } from '../../arch/x86-64.ts';
import { writeNotes, type ElfNoteSpec } from '../../format/elf/write.ts';
import { writeVmcoreinfo, type VmcoreinfoFields } from '../../format/vmcoreinfo/write.ts';
import { findMember, type StructType, type TypeSource } from '../../types/ctype.ts';
import type { Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { Areas } from './areas.ts';
import type { KernelImage } from './kernel-image.ts';
import type { MachineFacts } from './machine-facts.ts';

/** What a kernel writes into VMCOREINFO. Members and structs that it lacks are left out. */
export interface VmcoreinfoPlan {
  readonly symbols: readonly string[];
  /** Struct names. */
  readonly sizes: readonly string[];
  /** `struct.member` */
  readonly offsets: readonly string[];
  /** What only an image with a log has. */
  readonly log: VmcoreinfoLogPlan;
  /** BUILD-ID, since Linux 5.9 (0935288c6e00). */
  readonly hasBuildId: boolean;
  /** NUMBER() of what those need who leave pages out; `bit` is the value of an enumerator. */
  readonly filterNumbers: (bit: (name: string) => number) => Readonly<Record<string, number>>;
  /** Symbols that stand for others, and what is no symbol, size or offset of C. */
  readonly others: (image: KernelImage, types: TypeSource) => Partial<VmcoreinfoKeys>;
  /** Text and note are arrays of the image; else each has pages of its own. */
  readonly inImage: boolean;
}

/** What tools need to read the log. */
export interface VmcoreinfoLogPlan {
  readonly symbols: readonly string[];
  readonly sizes: readonly string[];
  readonly offsets: readonly string[];
  /** Of types that no layout file has by these names. */
  readonly fixed: Partial<Pick<VmcoreinfoKeys, 'sizes' | 'offsets' | 'lengths'>>;
}

/** Members of zones and lists that both kernels name (kernel/crash_core.c), in its order. */
export const MMZONE_OFFSETS = [
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

/** Keys of a part of the kernel that not every image has. */
export type VmcoreinfoKeys = Required<
  Pick<VmcoreinfoFields, 'symbols' | 'sizes' | 'offsets' | 'lengths' | 'numbers'>
>;

/** What the text says besides what all images have. */
export interface VmcoreinfoOptions {
  readonly facts: MachineFacts;
  readonly plan: VmcoreinfoPlan;
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
  const note = writeNotes([vmcoreinfoNote(text)]);
  if (options.plan.inImage) {
    memory.write(image.symbol('vmcoreinfo_data'), text);
    memory.write(image.symbol('vmcoreinfo_note'), note);
  } else {
    memory.writeInteger(image.symbol('vmcoreinfo_data'), writePages(areas, text), 8);
    memory.writeInteger(image.symbol('vmcoreinfo_note'), writePages(areas, note), 8);
  }
  memory.writeInteger(image.symbol('vmcoreinfo_size'), text.length, 8);
  return text;
}

function writePages(areas: Areas, bytes: Uint8Array): Vaddr {
  const at = areas.allocatePages(Math.ceil(bytes.length / PAGE_SIZE) * PAGE_SIZE);
  areas.memory.write(at, bytes);
  return at;
}

function vmcoreinfoText(
  image: KernelImage,
  { memory: { types } }: Areas,
  { facts, plan, memMap }: VmcoreinfoOptions,
): Uint8Array {
  const log = facts.log === undefined ? undefined : plan.log;
  const others = plan.others(image, types);
  const symbols = [...plan.symbols, ...(log?.symbols ?? [])].map(
    (name) => [name, image.symbol(name)] as const,
  );
  return writeVmcoreinfo({
    osrelease: facts.release,
    ...(plan.hasBuildId ? { buildId: facts.buildId } : {}),
    pageSize: PAGE_SIZE,
    symbols: { ...Object.fromEntries(symbols), ...others.symbols, ...memMap?.symbols },
    sizes: {
      ...sizesOf(types, [...plan.sizes, ...(log?.sizes ?? [])]),
      ...others.sizes,
      ...log?.fixed.sizes,
      ...memMap?.sizes,
    },
    offsets: {
      ...offsetsOf(types, [...plan.offsets, ...(log?.offsets ?? [])]),
      ...log?.fixed.offsets,
      ...memMap?.offsets,
    },
    lengths: { ...others.lengths, ...log?.fixed.lengths, ...memMap?.lengths },
    numbers: { ...others.numbers, ...memMap?.numbers },
    kernelOffset: image.kaslr.kernelOffset,
  });
}

function sizesOf(types: TypeSource, names: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    names.flatMap((name) => {
      const type = structOf(types, name);
      return type === undefined ? [] : [[name, type.size]];
    }),
  );
}

function offsetsOf(types: TypeSource, paths: readonly string[]): Record<string, number> {
  return Object.fromEntries(
    paths.flatMap((path) => {
      const [name = '', member = ''] = path.split('.');
      const type = structOf(types, name);
      const place = type === undefined ? undefined : findMember(type, member);
      return place === undefined ? [] : [[path, place.bitOffset / 8]];
    }),
  );
}

function structOf(types: TypeSource, name: string): StructType | undefined {
  const type = types.find('struct', name);
  return type?.kind === 'struct' ? type : undefined;
}

/** The ELF note that carries the text. */
export function vmcoreinfoNote(text: Uint8Array): ElfNoteSpec {
  return { name: 'VMCOREINFO', type: 0, desc: text };
}
