// The read-only data that a reader of dumps looks at: the banner, tables of names, the format
// strings of the watchdog, the build ID and, where the kernel has it, BTF.

import { vaddrAdd, type Vaddr } from '../../util/address.ts';
import type { ImageFlavour } from './image-flavour.ts';
import type { KernelImage } from './kernel-image.ts';
import type { KernelMemory } from './kernel-memory.ts';

/** What goes into the section. */
export interface RodataContents extends Pick<ImageFlavour, 'taskStates' | 'gfpNames' | 'hasBtf'> {
  /** Without its newline. */
  readonly banner: string;
  /** In hex. */
  readonly buildId: string;
  readonly btf: Uint8Array;
  /** The formats of the watchdog's lines. */
  readonly messages: readonly string[];
}

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
    this.#strings = stringTable(contents);
    this.#note = buildIdNote(contents.buildId);
    const { address, size } = image.section('rodata');
    const section = 'rodata';
    image.mark('__start_rodata', address, 'R');
    const flagsSize = (contents.gfpNames.length + 1) * TRACE_PRINT_FLAGS_SIZE;
    if (contents.gfpNames.length > 0) {
      image.define('gfpflag_names', { section, size: flagsSize, align: 32 });
    }
    const statesSize = contents.taskStates.length * POINTER_SIZE;
    image.define('task_state_array', { section, size: statesSize, align: 32, local: true });
    image.define('linux_banner', { section, size: contents.banner.length + 2, align: 32 });
    this.#stringsAt = image.reserve({ section, size: this.#strings.bytes.length });
    image.define('__start_notes', { section, size: this.#note.length, align: 4 });
    image.mark('__stop_notes', image.used(section), 'R');
    if (contents.hasBtf) {
      image.define('__start_BTF', { section, size: contents.btf.length });
      image.mark('__stop_BTF', image.used(section), 'R');
    }
    image.mark('__end_rodata', vaddrAdd(address, size), 'R');
  }

  write(memory: KernelMemory): void {
    const image = this.#image;
    const addressOf = (text: string): Vaddr =>
      vaddrAdd(this.#stringsAt, this.#strings.offsetOf(text));
    memory.write(this.#stringsAt, this.#strings.bytes);
    memory.write(image.symbol('linux_banner'), cString(`${this.#contents.banner}\n`));
    memory.write(image.symbol('__start_notes'), this.#note);
    const { hasBtf, btf, gfpNames, taskStates } = this.#contents;
    if (hasBtf) memory.write(image.symbol('__start_BTF'), btf);
    gfpNames.forEach(([name, mask], i) => {
      const at = vaddrAdd(image.symbol('gfpflag_names'), i * TRACE_PRINT_FLAGS_SIZE);
      memory.store('trace_print_flags', at, { mask, name: addressOf(name) });
    });
    taskStates.forEach((text, i) => {
      const at = vaddrAdd(image.symbol('task_state_array'), i * POINTER_SIZE);
      memory.writeInteger(at, addressOf(text), 8);
    });
  }
}

interface StringTable {
  readonly bytes: Uint8Array;
  readonly offsetOf: (text: string) => number;
}

function stringTable({ messages, taskStates, gfpNames }: RodataContents): StringTable {
  const texts = [...messages, ...taskStates, ...gfpNames.map(([name]) => name)];
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
