// Pages a second out of a kdump file, for each compression, beside the codec alone on the same
// packed pages: the difference is what reading descriptors and data costs.

import { compressPage } from '../../src/format/compress/encode.ts';
import { decompressPage, ready, type PageCodec } from '../../src/format/compress/pages.ts';
import { readKdump } from '../../src/format/kdump/read.ts';
import { KdumpWriter } from '../../src/format/kdump/write.ts';
import { KdumpMemory } from '../../src/memory/kdump-memory.ts';
import { openVmcore } from '../../src/target/open.ts';
import { BytesSink, BytesSource } from '../../src/util/io.ts';
import { CODEC_FLAGS } from '../support/kdump-builder.ts';
import type { BenchOptions } from './main.ts';
import { median, seconds } from './median.ts';

const PAGE_SIZE = 4096;

/** Prints a line for each codec. */
export async function benchCodecs({ dump, pageCount, runs, print }: BenchOptions): Promise<void> {
  await ready();
  const pages = await somePages(dump, pageCount);
  for (const codec of ['zlib', 'lzo', 'snappy', 'zstd'] as const) {
    // A page that the codec does not make smaller is stored as it is and says nothing of it.
    const packed = pages.flatMap((page) => {
      const bytes = compressPage(codec, page);
      return bytes === undefined ? [] : [{ page, bytes }];
    });
    const file = write(codec, packed);
    const into = new Uint8Array(PAGE_SIZE);
    const rates = { whole: [] as number[], raw: [] as number[] };
    // The first round warms up and does not count.
    for (let round = 0; round <= runs; round++) {
      // Opened anew, since a memory keeps pages that it has unpacked.
      const memory = new KdumpMemory([readKdump(new BytesSource(file, codec))]);
      const whole = seconds(() => {
        for (let pfn = 0; pfn < packed.length; pfn++) memory.readInto(into, pfn * PAGE_SIZE);
      });
      const raw = seconds(() => {
        for (const { bytes } of packed) decompressPage(codec, bytes, PAGE_SIZE);
      });
      if (round === 0) continue;
      rates.whole.push(packed.length / whole);
      rates.raw.push(packed.length / raw);
    }
    const whole = median(rates.whole);
    const raw = median(rates.raw);
    print(
      `${codec}: ${whole.toFixed(0)} pages/s out of a kdump file, ${raw.toFixed(0)} by the codec ` +
        `alone (${(whole / raw).toFixed(2)}), ${packed.length} pages`,
    );
  }
}

/** Pages of a real memory: those of zeros, which are stored once, left out. */
async function somePages(dump: string, countMax: number): Promise<Uint8Array[]> {
  const vmcore = await openVmcore([dump]);
  const pages: Uint8Array[] = [];
  for (const { start, end } of vmcore.memory.presentRanges()) {
    for (let at = start; at + PAGE_SIZE <= end && pages.length < countMax; at += PAGE_SIZE) {
      const page = new Uint8Array(PAGE_SIZE);
      vmcore.memory.readInto(page, at);
      if (page.some((byte) => byte !== 0)) pages.push(page);
    }
  }
  vmcore.close();
  return pages;
}

function write(
  codec: PageCodec,
  packed: readonly { page: Uint8Array; bytes: Uint8Array }[],
): Uint8Array {
  const sink = new BytesSink();
  let next = 0;
  const writer = new KdumpWriter(sink, {
    maxPfn: packed.length,
    storedCountMax: packed.length,
    compress: () => ({
      flags: CODEC_FLAGS[codec],
      bytes: (packed[next] as { bytes: Uint8Array }).bytes,
    }),
  });
  for (; next < packed.length; next++) {
    writer.addPage(next, (packed[next] as { page: Uint8Array }).page);
  }
  writer.finish();
  return sink.bytes();
}
