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
import { prStatusNotes } from './prstatus.ts';
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

/** How a {@link writeKdump} file is made. */
export interface KdumpOptions {
  /** Pages are stored as they are where this is absent. */
  readonly codec?: PageCodec;
  /** The pfns of this part of a split set. */
  readonly split?: { readonly start: number; readonly end: number };
}

/** Writes the file. */
export function writeKdump(machine: MachineImage, sink: ByteSink, options: KdumpOptions): void {
  const { facts, physical, vmcoreinfo } = machine;
  const { codec, split } = options;
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
    ...(codec === undefined ? {} : { status: PAGE_FLAGS[codec], compress: packer(codec) }),
    ...(split === undefined ? {} : { split }),
    cpuCount: facts.cpuCount,
    physBase: BigInt(facts.kaslr.physBase),
    dumpLevel: machine.unfiltered ? 0 : DUMP_LEVEL,
    vmcoreinfo,
    notes: writeNotes([...prStatusNotes(machine.statuses), vmcoreinfoNote(vmcoreinfo)]),
  });
  for (const piece of piecesOf(physical)) {
    if (piece.bytes === undefined) writer.addExcluded(piece);
    else writer.addPage(piece.start, piece.bytes);
  }
  writer.finish();
}

/** Cuts the stored pages into parts of about the same number, each a range of pfns. */
export function splitPfns(
  physical: MachineImage['physical'],
  count: number,
): { start: number; end: number }[] {
  const pfns = physical.pfns();
  const starts = Array.from({ length: count }, (_, i) =>
    i === 0 ? 0 : (pfns[Math.floor((pfns.length * i) / count)] ?? 0),
  );
  const maxPfn = physical.end / PAGE_SIZE;
  return starts.map((start, i) => ({ start, end: starts[i + 1] ?? maxPfn }));
}

function packer(codec: PageCodec): (page: Uint8Array) => CompressedPage | undefined {
  return (page) => {
    const bytes = compressPage(codec, page);
    return bytes === undefined ? undefined : { flags: PAGE_FLAGS[codec], bytes };
  };
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
