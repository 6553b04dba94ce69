// Writes a packed dump as an ELF file: a PT_LOAD for each run of stored pages, at the address where
// the kernel has it mapped.

import { writeElfVmcore, type ElfSegmentSpec } from '../format/elf/write.ts';
import type { ByteSink } from '../util/io.ts';
import type { PackedDump } from './packed-dump.ts';

/** Writes the file. */
export function writePackedElf(dump: PackedDump, sink: ByteSink): void {
  const { memory, notes, onProgress } = dump;
  const { pageSize, pageCount } = memory;
  let done = 0;
  const counting: ByteSink = {
    write: (bytes, offset) => {
      sink.write(bytes, offset);
      done += bytes.length / pageSize;
      onProgress?.(Math.min(done, pageCount), pageCount);
    },
  };
  writeElfVmcore(counting, { notes, segments: [...segmentsOf(dump)], alignment: pageSize });
}

/** Runs of pages that lie side by side in physical memory and where the kernel maps them. */
function* segmentsOf({ memory, vaddrOf }: PackedDump): Generator<ElfSegmentSpec> {
  const { starts, ends } = memory.stored;
  for (let i = 0; i < starts.length; i++) {
    const end = ends[i] as number;
    for (let start = starts[i] as number; start < end;) {
      const vaddr = vaddrOf(start);
      let stop = start + memory.pageSize;
      // The kernel image begins and ends inside of a run.
      const follows = (at: number): boolean =>
        vaddrOf(at) === (vaddr === 0n ? 0n : vaddr + BigInt(at - start));
      while (stop < end && follows(stop)) stop += memory.pageSize;
      yield { paddr: start, vaddr, data: memory.run(start, stop) };
      start = stop;
    }
  }
}
