// Writes a packed dump as a kdump-compressed file, which every tool reads.

import { compressPage } from '../format/compress/encode.ts';
import type { PageCodec } from '../format/compress/pages.ts';
import { deflateZlib } from '../format/compress/zlib.ts';
import { writeNotes } from '../format/elf/write.ts';
import * as kdump from '../format/kdump/constants.ts';
import { KdumpWriter, type CompressedPage } from '../format/kdump/write.ts';
import type { ByteSink } from '../util/io.ts';
import type { PackedDump } from './packed-dump.ts';

/** The flag of a page that each codec packed. */
const PAGE_FLAGS: Record<PageCodec, number> = {
  zlib: kdump.DUMP_DH_COMPRESSED_ZLIB,
  lzo: kdump.DUMP_DH_COMPRESSED_LZO,
  snappy: kdump.DUMP_DH_COMPRESSED_SNAPPY,
  zstd: kdump.DUMP_DH_COMPRESSED_ZSTD,
};

/** Everything that can be excluded was: other tools then take what is not there for that. */
const DUMP_LEVEL = 31;

/** Writes the file. */
export function writePackedKdump(dump: PackedDump, sink: ByteSink, codec: PageCodec): void {
  const { memory, end, vmcoreinfo, identity, onProgress } = dump;
  const { pageSize, pageCount } = memory;
  const writer = new KdumpWriter(sink, {
    maxPfn: Math.ceil(end / pageSize),
    storedCountMax: pageCount,
    blockSize: pageSize,
    utsname: {
      sysname: 'Linux',
      nodename: identity.nodename?.value ?? '',
      release: identity.release.value,
      version: identity.version?.value ?? '',
      machine: 'x86_64',
      domainname: '',
    },
    status: PAGE_FLAGS[codec],
    compress: (page) => pack(codec, page),
    cpuCount: dump.cpuCount,
    physBase: BigInt(identity.physBase.value),
    dumpLevel: DUMP_LEVEL,
    vmcoreinfo,
    notes: writeNotes(dump.notes),
  });
  let done = 0;
  for (const { pfn, bytes } of memory.pages()) {
    writer.addPage(pfn, bytes);
    onProgress?.(++done, pageCount);
  }
  writer.finish();
}

function pack(codec: PageCodec, page: Uint8Array): CompressedPage | undefined {
  const bytes = codec === 'zlib' ? deflateZlib(page) : compressPage(codec, page);
  return bytes === undefined ? undefined : { flags: PAGE_FLAGS[codec], bytes };
}
