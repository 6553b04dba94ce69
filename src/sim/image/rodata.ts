// The read-only data of a 6.1 kernel with the patch that a reader of dumps looks at: the banner,
// tables of names, the format strings of the watchdog, the build ID and BTF.

import { vaddrAdd, type Vaddr } from '../../util/address.ts';
import type { KernelImage } from './kernel-image.ts';
import type { KernelMemory } from './kernel-memory.ts';

/** What goes into the section besides tables that every 6.1 kernel has. */
export interface RodataContents {
  /** Without its newline. */
  readonly banner: string;
  /** In hex. */
  readonly buildId: string;
  readonly btf: Uint8Array;
  /** The formats of the watchdog's lines. */
  readonly messages: readonly string[];
}

/** task_state_array of fs/proc/array.c since 4.14. */
const TASK_STATES = [
  'R (running)',
  'S (sleeping)',
  'D (disk sleep)',
  'T (stopped)',
  't (tracing stop)',
  'X (dead)',
  'Z (zombie)',
  'P (parked)',
  'I (idle)',
];

/** __GFP_* of 5.18 to 6.2 (include/linux/gfp_types.h) without KASAN_HW_TAGS and LOCKDEP. */
const GFP = {
  DMA: 0x1,
  HIGHMEM: 0x2,
  DMA32: 0x4,
  MOVABLE: 0x8,
  RECLAIMABLE: 0x10,
  HIGH: 0x20,
  IO: 0x40,
  FS: 0x80,
  ZERO: 0x100,
  ATOMIC: 0x200,
  DIRECT_RECLAIM: 0x400,
  KSWAPD_RECLAIM: 0x800,
  WRITE: 0x1000,
  NOWARN: 0x2000,
  RETRY_MAYFAIL: 0x4000,
  NOFAIL: 0x8000,
  NORETRY: 0x10000,
  MEMALLOC: 0x20000,
  COMP: 0x40000,
  NOMEMALLOC: 0x80000,
  HARDWALL: 0x100000,
  THISNODE: 0x200000,
  ACCOUNT: 0x400000,
  ZEROTAGS: 0x800000,
};
const RECLAIM = GFP.DIRECT_RECLAIM | GFP.KSWAPD_RECLAIM;
const NOFS = RECLAIM | GFP.IO;
const KERNEL = NOFS | GFP.FS;
const HIGHUSER_MOVABLE = KERNEL | GFP.HARDWALL | GFP.HIGHMEM | GFP.MOVABLE;
const TRANSHUGE_LIGHT = (HIGHUSER_MOVABLE | GFP.COMP | GFP.NOMEMALLOC | GFP.NOWARN) & ~RECLAIM;

/** gfpflag_names: the composites, most bits first, then single bits in the kernel's order. */
const GFPFLAG_NAMES: readonly (readonly [name: string, mask: number])[] = [
  ['GFP_TRANSHUGE', TRANSHUGE_LIGHT | GFP.DIRECT_RECLAIM],
  ['GFP_TRANSHUGE_LIGHT', TRANSHUGE_LIGHT],
  ['GFP_HIGHUSER_MOVABLE', HIGHUSER_MOVABLE],
  ['GFP_HIGHUSER', KERNEL | GFP.HARDWALL | GFP.HIGHMEM],
  ['GFP_USER', KERNEL | GFP.HARDWALL],
  ['GFP_KERNEL_ACCOUNT', KERNEL | GFP.ACCOUNT],
  ['GFP_KERNEL', KERNEL],
  ['GFP_NOFS', NOFS],
  ['GFP_ATOMIC', GFP.HIGH | GFP.ATOMIC | GFP.KSWAPD_RECLAIM],
  ['GFP_NOIO', RECLAIM],
  ['GFP_NOWAIT', GFP.KSWAPD_RECLAIM],
  ['GFP_DMA', GFP.DMA],
  ['__GFP_HIGHMEM', GFP.HIGHMEM],
  ['GFP_DMA32', GFP.DMA32],
  ...(
    'HIGH ATOMIC IO FS NOWARN RETRY_MAYFAIL NOFAIL NORETRY COMP ZERO NOMEMALLOC MEMALLOC ' +
    'HARDWALL THISNODE RECLAIMABLE MOVABLE ACCOUNT WRITE'
  )
    .split(' ')
    .map((name) => [`__GFP_${name}`, GFP[name as keyof typeof GFP]] as const),
  ['__GFP_RECLAIM', RECLAIM],
  ['__GFP_DIRECT_RECLAIM', GFP.DIRECT_RECLAIM],
  ['__GFP_KSWAPD_RECLAIM', GFP.KSWAPD_RECLAIM],
  ['__GFP_ZEROTAGS', GFP.ZEROTAGS],
];

/** struct trace_print_flags { unsigned long mask; const char *name; } */
const TRACE_PRINT_FLAGS_SIZE = 16;
const POINTER_SIZE = 8;
const NT_GNU_BUILD_ID = 3;

/** The section's variables and strings: placed when it is made, filled by {@link write}. */
export class Rodata {
  readonly #image: KernelImage;
  readonly #contents: RodataContents;
  readonly #strings: StringTable;
  readonly #stringsAt: Vaddr;
  readonly #note: Uint8Array;

  constructor(image: KernelImage, contents: RodataContents) {
    this.#image = image;
    this.#contents = contents;
    this.#strings = stringTable(contents.messages);
    this.#note = buildIdNote(contents.buildId);
    const { address, size } = image.section('rodata');
    const section = 'rodata';
    image.mark('__start_rodata', address, 'R');
    const flagsSize = (GFPFLAG_NAMES.length + 1) * TRACE_PRINT_FLAGS_SIZE;
    image.define('gfpflag_names', { section, size: flagsSize, align: 32 });
    const statesSize = TASK_STATES.length * POINTER_SIZE;
    image.define('task_state_array', { section, size: statesSize, align: 32, local: true });
    image.define('linux_banner', { section, size: contents.banner.length + 2, align: 32 });
    this.#stringsAt = image.reserve({ section, size: this.#strings.bytes.length });
    image.define('__start_notes', { section, size: this.#note.length, align: 4 });
    image.mark('__stop_notes', image.used(section), 'R');
    image.define('__start_BTF', { section, size: contents.btf.length });
    image.mark('__stop_BTF', image.used(section), 'R');
    image.mark('__end_rodata', vaddrAdd(address, size), 'R');
  }

  write(memory: KernelMemory): void {
    const image = this.#image;
    const addressOf = (text: string): Vaddr =>
      vaddrAdd(this.#stringsAt, this.#strings.offsetOf(text));
    memory.write(this.#stringsAt, this.#strings.bytes);
    memory.write(image.symbol('linux_banner'), cString(`${this.#contents.banner}\n`));
    memory.write(image.symbol('__start_notes'), this.#note);
    memory.write(image.symbol('__start_BTF'), this.#contents.btf);
    GFPFLAG_NAMES.forEach(([name, mask], i) => {
      const at = vaddrAdd(image.symbol('gfpflag_names'), i * TRACE_PRINT_FLAGS_SIZE);
      memory.store('trace_print_flags', at, { mask, name: addressOf(name) });
    });
    TASK_STATES.forEach((text, i) => {
      const at = vaddrAdd(image.symbol('task_state_array'), i * POINTER_SIZE);
      memory.writeInteger(at, addressOf(text), 8);
    });
  }
}

interface StringTable {
  readonly bytes: Uint8Array;
  readonly offsetOf: (text: string) => number;
}

function stringTable(messages: readonly string[]): StringTable {
  const texts = [...messages, ...TASK_STATES, ...GFPFLAG_NAMES.map(([name]) => name)];
  const offsets = new Map<string, number>();
  let length = 0;
  for (const text of texts) {
    offsets.set(text, length);
    length += text.length + 1;
  }
  const bytes = cString(texts.join('\0'));
  return { bytes, offsetOf: (text) => offsets.get(text) as number };
}

function cString(text: string): Uint8Array {
  return new Uint8Array(Buffer.from(`${text}\0`, 'latin1'));
}

/** An ELF note: name size, description size, type, "GNU", the ID. */
function buildIdNote(buildId: string): Uint8Array {
  const id = Buffer.from(buildId, 'hex');
  const note = Buffer.alloc(16 + id.length);
  note.writeUInt32LE(4, 0);
  note.writeUInt32LE(id.length, 4);
  note.writeUInt32LE(NT_GNU_BUILD_ID, 8);
  note.write('GNU\0', 12, 'latin1');
  id.copy(note, 16);
  return new Uint8Array(note);
}
