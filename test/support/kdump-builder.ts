// Small kdump files from a few words: which pfn is stored how. The pages are told apart by what is
// in them, so a test sees when it is given the wrong one.

import { compressPage } from '../../src/format/compress/encode.ts';
import type { PageCodec } from '../../src/format/compress/pages.ts';
import {
  DUMP_DH_COMPRESSED_LZO,
  DUMP_DH_COMPRESSED_SNAPPY,
  DUMP_DH_COMPRESSED_ZLIB,
  DUMP_DH_COMPRESSED_ZSTD,
} from '../../src/format/kdump/constants.ts';
import type { KdumpFile } from '../../src/format/kdump/read.ts';
import { readKdump } from '../../src/format/kdump/read.ts';
import type { KdumpWriterOptions, PageCompressor } from '../../src/format/kdump/write.ts';
import { KdumpWriter } from '../../src/format/kdump/write.ts';
import { BytesSink, BytesSource } from '../../src/util/io.ts';
import { Prng } from '../../src/util/prng.ts';
import type { Problems } from '../../src/util/problems.ts';

/** How a page is stored; `exclude` is RAM that is not stored, `lost` has a zero descriptor. */
export type PageKind = 'raw' | 'zero' | PageCodec | 'exclude' | 'lost';

/** pfn → how it is stored; pfns that are not named are no RAM. */
export type PageKinds = Readonly<Record<number, PageKind>>;

export const CODEC_FLAGS: Readonly<Record<PageCodec, number>> = {
  zlib: DUMP_DH_COMPRESSED_ZLIB,
  lzo: DUMP_DH_COMPRESSED_LZO,
  snappy: DUMP_DH_COMPRESSED_SNAPPY,
  zstd: DUMP_DH_COMPRESSED_ZSTD,
};

/** What page `pfn` holds: bytes that compress by half or so, and differ from page to page. */
export function pageContent(pfn: number, size = 4096): Uint8Array {
  const page = new Uint8Array(size).fill(pfn + 1);
  page.set(new Prng(pfn).bytes(size / 2), size / 4);
  return page;
}

/** The bytes of a kdump file with these pages, through our writer. */
export function buildKdump(
  kinds: PageKinds,
  options: Partial<KdumpWriterOptions> = {},
): Uint8Array {
  const sink = new BytesSink();
  const pfns = Object.keys(kinds).map(Number);
  const blockSize = options.blockSize ?? 4096;
  let kind: PageKind = 'raw';
  const compress: PageCompressor = (page) => {
    if (kind === 'raw') return undefined;
    const codec = kind as PageCodec;
    const bytes = compressPage(codec, page);
    if (bytes === undefined) throw new Error(`${codec} does not make this page smaller`);
    return { bytes, flags: CODEC_FLAGS[codec] };
  };
  const split = options.split;
  const isHere = (pfn: number): boolean =>
    kinds[pfn] !== 'exclude' && (!split || (pfn >= split.start && pfn < split.end));
  const writer = new KdumpWriter(sink, {
    maxPfn: Math.max(-1, ...pfns) + 1,
    storedCountMax: pfns.filter(isHere).length,
    utsname: { sysname: 'Linux', release: '6.1.0-test', machine: 'x86_64' },
    compress,
    ...options,
  });
  for (const pfn of pfns) {
    kind = kinds[pfn]!;
    if (kind === 'exclude') writer.addExcluded({ start: pfn, end: pfn + 1 });
    else if (kind === 'lost') writer.addLost(pfn);
    else if (kind === 'zero') writer.addPage(pfn, new Uint8Array(blockSize));
    else writer.addPage(pfn, pageContent(pfn, blockSize));
  }
  writer.finish();
  return sink.bytes();
}

/** {@link buildKdump}, opened. */
export function openBuilt(
  kinds: PageKinds,
  options: Partial<KdumpWriterOptions> & { name?: string; problems?: Problems } = {},
): KdumpFile {
  const { name = 'test.kdump', problems, ...rest } = options;
  return readKdump(new BytesSource(buildKdump(kinds, rest), name), problems);
}
