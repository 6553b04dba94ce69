// A machine's memory as an ELF vmcore, as makedumpfile -E -d 31 would leave it: a PT_LOAD for each
// run of stored pages, whose p_memsz goes on over the excluded pages behind it.

import { PAGE_SIZE } from '../../arch/x86-64.ts';
import { writeElfVmcore, type ElfSegmentSpec } from '../../format/elf/write.ts';
import type { ByteSink, ByteSource } from '../../util/io.ts';
import type { MachineImage } from './machine.ts';
import type { PhysicalImage, RamRange } from './physical-image.ts';
import { vmcoreinfoNote } from './vmcoreinfo.ts';

/** Writes the file. */
export function writeElf(machine: MachineImage, sink: ByteSink): void {
  const { physical, vmcoreinfo, areas } = machine;
  const segments: ElfSegmentSpec[] = [];
  for (const { stored, end } of segmentsOf(physical)) {
    const vaddr = areas.memory.directMap(stored.start);
    const data = new ImageSource(physical, stored);
    segments.push({ paddr: stored.start, vaddr, data, memsz: end - stored.start });
  }
  writeElfVmcore(sink, { notes: [vmcoreinfoNote(vmcoreinfo)], segments, alignment: PAGE_SIZE });
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

/** Each run of stored pages with the end of the excluded ones behind it; all RAM, in order. */
function* segmentsOf(physical: PhysicalImage): Generator<{ stored: RamRange; end: number }> {
  const runs = [...physical.ranges()];
  for (const ram of physical.ram) {
    const inside = runs.filter(({ start }) => start >= ram.start && start < ram.end);
    const first = inside[0]?.start ?? ram.end;
    // RAM that begins with excluded pages: a segment without a byte in the file.
    if (first > ram.start) yield { stored: { start: ram.start, end: ram.start }, end: first };
    for (const [i, stored] of inside.entries()) {
      yield { stored, end: inside[i + 1]?.start ?? ram.end };
    }
  }
}
