// A machine's memory as a kdump file, as makedumpfile -d 31 would leave it: the pages that the
// kernel uses are stored, all other RAM is excluded. An image with all of RAM gives a -d 0 file.

import { PAGE_SIZE } from '../../arch/x86-64.ts';
import { compressPage } from '../../format/compress/encode.ts';
import type { PageCodec } from '../../format/compress/pages.ts';
import { writeNotes } from '../../format/elf/write.ts';
import * as kdump from '../../format/kdump/constants.ts';
import { KdumpWriter, type CompressedPage } from '../../format/kdump/write.ts';
import type { ByteSink } from '../../util/io.ts';
import type { MachineImage } from './machine.ts';
import { vmcoreinfoNote } from './vmcoreinfo.ts';

/** The flag of a page that each codec packed. */
const PAGE_FLAGS: Record<PageCodec, number> = {
  zlib: kdump.DUMP_DH_COMPRESSED_ZLIB,
  lzo: kdump.DUMP_DH_COMPRESSED_LZO,
  snappy: kdump.DUMP_DH_COMPRESSED_SNAPPY,
  zstd: kdump.DUMP_DH_COMPRESSED_ZSTD,
};

/** Everything that -d can exclude. */
const DUMP_LEVEL = 31;

/** Writes the file. zstd must have been started before. */
export function writeKdump(machine: MachineImage, sink: ByteSink, codec: PageCodec): void {
  const { facts, physical, vmcoreinfo } = machine;
  const compress = (page: Uint8Array): CompressedPage | undefined => {
    const bytes = compressPage(codec, page);
    return bytes === undefined ? undefined : { flags: PAGE_FLAGS[codec], bytes };
  };
  const writer = new KdumpWriter(sink, {
    maxPfn: physical.end / PAGE_SIZE,
    storedCountMax: physical.pageCount,
    utsname: {
      sysname: 'Linux',
      nodename: facts.nodename,
      release: facts.release,
      version: facts.version,
      machine: 'x86_64',
      domainname: '(none)',
    },
    status: PAGE_FLAGS[codec],
    cpuCount: facts.cpuCount,
    physBase: BigInt(facts.kaslr.physBase),
    dumpLevel: machine.unfiltered ? 0 : DUMP_LEVEL,
    vmcoreinfo,
    notes: writeNotes([vmcoreinfoNote(vmcoreinfo)]),
    compress,
  });
  for (const piece of piecesOf(physical)) {
    if (piece.bytes === undefined) writer.addExcluded(piece);
    else writer.addPage(piece.start, piece.bytes);
  }
  writer.finish();
}

interface Piece {
  /** Page frame numbers. */
  readonly start: number;
  readonly end: number;
  /** Of a stored page; undefined for RAM that is left out. */
  readonly bytes?: Uint8Array;
}

/** All RAM in the order of pfns. */
function* piecesOf(physical: MachineImage['physical']): Generator<Piece> {
  const pages = physical.pages();
  let page = pages.next();
  for (const range of physical.ram) {
    let next = range.start / PAGE_SIZE;
    const end = range.end / PAGE_SIZE;
    while (page.done !== true && page.value.pfn < end) {
      const { pfn, bytes } = page.value;
      if (pfn > next) yield { start: next, end: pfn };
      yield { start: pfn, end: pfn + 1, bytes };
      next = pfn + 1;
      page = pages.next();
    }
    if (next < end) yield { start: next, end };
  }
}
