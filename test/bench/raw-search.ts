// Opening a raw image of memory without a note: all of it is searched for VMCOREINFO. The image is
// the memory of the dump, filled up with noise, its VMCOREINFO near its end.

import { closeSync, ftruncateSync, openSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { findVmcoreinfo } from '../../src/target/find-vmcoreinfo.ts';
import { FileSource } from '../../src/target/file-source.ts';
import { RawMemory } from '../../src/memory/raw-memory.ts';
import { openVmcore } from '../../src/target/open.ts';
import { Problems } from '../../src/util/problems.ts';
import { Prng } from '../../src/util/prng.ts';
import type { BenchOptions } from './main.ts';
import { median, seconds } from './median.ts';

/** Larger dumps lose what lies above; the kernel is loaded low. */
export const RAW_IMAGE_SIZE = 256 << 20;

const PIECE_SIZE = 1 << 20;

/** Prints the rate. The file is in the page cache: what is measured is the search. */
export async function benchRawSearch(options: BenchOptions): Promise<void> {
  const { folder, runs, print } = options;
  const path = join(folder, 'memory.raw');
  await writeImage(path, options);
  const file = FileSource.open(path);
  try {
    const rates = Array.from({ length: runs }, () => {
      const memory = new RawMemory(file);
      const took = seconds(() => findVmcoreinfo(memory, { problems: new Problems() }));
      return RAW_IMAGE_SIZE / took / 2 ** 30;
    });
    const size = `${RAW_IMAGE_SIZE >> 20} MiB`;
    print(`raw image of ${size} without a note: searched at ${median(rates).toFixed(2)} GiB/s`);
  } finally {
    file.close();
  }
}

/** Noise, and over it what the dump has of the same addresses. */
async function writeImage(path: string, { dump, noiseBytes }: BenchOptions): Promise<void> {
  const vmcore = await openVmcore([dump]);
  const fd = openSync(path, 'w');
  try {
    ftruncateSync(fd, RAW_IMAGE_SIZE);
    const noise = new Prng(1).bytes(PIECE_SIZE);
    for (let at = 0; at < noiseBytes; at += PIECE_SIZE) writeSync(fd, noise, 0, PIECE_SIZE, at);
    for (const { start, end } of vmcore.memory.presentRanges()) {
      const endInImage = Math.min(end, RAW_IMAGE_SIZE);
      for (let at = start; at < endInImage; at += PIECE_SIZE) {
        const bytes = new Uint8Array(Math.min(PIECE_SIZE, endInImage - at));
        vmcore.memory.readInto(bytes, at);
        writeSync(fd, bytes, 0, bytes.length, at);
      }
    }
  } finally {
    closeSync(fd);
    vmcore.close();
  }
}
