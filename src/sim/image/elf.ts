// A machine's memory as an ELF vmcore, as makedumpfile -E -d 31 would leave it: a PT_LOAD for each
// run of stored pages, whose p_memsz goes on over the excluded pages behind it. The kernel image
// comes first, under its own addresses, and then again with all RAM under those of the direct map,
// as the kernel lays out /proc/vmcore (prepare_elf64_headers() in kernel/kexec_file.c): tools that
// do not know phys_base find the page tables through it.

import { PAGE_SIZE } from '../../arch/x86-64.ts';
import { writeElfVmcore, type ElfSegmentSpec } from '../../format/elf/write.ts';
import type { ByteSink, ByteSource } from '../../util/io.ts';
import type { MachineImage } from './machine.ts';
import type { PhysicalImage, RamRange } from './physical-image.ts';
import { prStatusNotes } from './prstatus.ts';
import { vmcoreinfoNote } from './vmcoreinfo.ts';

/** Writes the file. */
export function writeElf(machine: MachineImage, sink: ByteSink): void {
  const { kernel, physical, vmcoreinfo, areas } = machine;
  const image = { start: kernel.startPaddr, end: kernel.startPaddr + kernel.size };
  const segments: ElfSegmentSpec[] = [];
  const add = (ranges: readonly RamRange[], vaddrOf: (paddr: number) => bigint): void => {
    for (const { stored, end } of segmentsOf(physical, ranges)) {
      const data = new ImageSource(physical, stored);
      const memsz = end - stored.start;
      segments.push({ paddr: stored.start, vaddr: vaddrOf(stored.start), data, memsz });
    }
  };
  add([image], (paddr) => kernel.start + BigInt(paddr - image.start));
  add(physical.ram, (paddr) => areas.memory.directMap(paddr));
  writeElfVmcore(sink, {
    notes: [...prStatusNotes(machine.statuses), vmcoreinfoNote(vmcoreinfo)],
    segments,
    alignment: PAGE_SIZE,
  });
}

/** Some physical memory as a source of bytes. */
class ImageSource implements ByteSource {
  readonly name = 'physical memory';
  readonly size: number;
  readonly #physical: PhysicalImage;
  readonly #start: number;

  constructor(physical: PhysicalImage, { start, end }: RamRange) {
    this.#physical = physical;
    this.#start = start;
    this.size = end - start;
  }

  readInto(into: Uint8Array, offset: number): number {
    const length = Math.max(0, Math.min(into.length, this.size - offset));
    into.set(this.#physical.read(this.#start + offset, length));
    return length;
  }
}

/** Each run of stored pages with the end of the excluded ones behind it; all of `ranges`. */
function* segmentsOf(
  physical: PhysicalImage,
  ranges: readonly RamRange[],
): Generator<{ stored: RamRange; end: number }> {
  const runs = [...physical.ranges()];
  for (const range of ranges) {
    const inside = runs.flatMap(({ start, end }) => {
      const cut = { start: Math.max(start, range.start), end: Math.min(end, range.end) };
      return cut.start < cut.end ? [cut] : [];
    });
    const first = inside[0]?.start ?? range.end;
    // RAM that begins with excluded pages: a segment without a byte in the file.
    if (first > range.start) yield { stored: { start: range.start, end: range.start }, end: first };
    for (const [i, stored] of inside.entries()) {
      yield { stored, end: inside[i + 1]?.start ?? range.end };
    }
  }
}
