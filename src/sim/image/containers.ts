// The files that a machine's memory can be written to: what dump tools make of a crash, and what
// hypervisors save.

import type { PageCodec } from '../../format/compress/pages.ts';
import { FlattenedSink } from '../../format/flattened/write.ts';
import type { ByteSink } from '../../util/io.ts';
import { writeElf } from './elf.ts';
import { splitPfns, writeKdump } from './kdump.ts';
import type { MachineImage } from './machine.ts';
import { writeRaw } from './raw.ts';

/** Names of containers. `kdump` is `kdump-lzo`. */
export const VMCORE_FORMATS = [
  'kdump',
  'kdump-zlib',
  'kdump-lzo',
  'kdump-snappy',
  'kdump-zstd',
  'kdump-plain',
  'elf',
  'flattened',
  'flattened-elf',
  'split',
  'raw',
] as const;
/** One of them. */
export type VmcoreFormat = (typeof VMCORE_FORMATS)[number];

/** Creates a file of the set: `suffix` is empty where there is only one. */
export type CreateFile = (suffix: string) => ByteSink;

/** Files of a split set. */
const SPLIT_COUNT = 2;

/** Writes the vmcore, and tells the suffixes of its files. */
export function writeContainer(
  machine: MachineImage,
  format: VmcoreFormat,
  create: CreateFile,
): string[] {
  if (format === 'split') return writeSplit(machine, create);
  const sink = create('');
  if (format === 'elf') writeElf(machine, sink);
  else if (format === 'raw') writeRaw(machine, sink);
  else if (format === 'flattened') flatten(sink, (inner) => writeKdump(machine, inner, LZO));
  else if (format === 'flattened-elf') flatten(sink, (inner) => writeElf(machine, inner));
  else writeKdump(machine, sink, KDUMP_OPTIONS[format]);
  return [''];
}

/** lzo is our own code: the same bytes on every machine, which zlib does not promise. */
const LZO = { codec: 'lzo' } as const;

const KDUMP_OPTIONS: Record<
  Exclude<VmcoreFormat, 'elf' | 'raw' | 'split' | 'flattened' | 'flattened-elf'>,
  { codec?: PageCodec }
> = {
  kdump: LZO,
  'kdump-lzo': LZO,
  'kdump-zlib': { codec: 'zlib' },
  'kdump-snappy': { codec: 'snappy' },
  'kdump-zstd': { codec: 'zstd' },
  'kdump-plain': {},
};

/** makedumpfile -F */
function flatten(sink: ByteSink, write: (inner: ByteSink) => void): void {
  const inner = new FlattenedSink(sink);
  write(inner);
  inner.finish();
}

/** makedumpfile --split: each file stores a range of pfns and knows of all pages. */
function writeSplit(machine: MachineImage, create: CreateFile): string[] {
  return splitPfns(machine.physical, SPLIT_COUNT).map((split, i) => {
    const suffix = `.${i + 1}`;
    writeKdump(machine, create(suffix), { ...LZO, split });
    return suffix;
  });
}
