// Damaged wrappers (lz4, zstd, gzip) around a sound dump, and raw images of memory.

import { gzipSync } from 'node:zlib';
import { compressZstd } from '../../src/format/compress/zstd-encode.ts';
import type { DamagedCase } from '../support/damage.ts';
import { fill, patched, u32, u8 } from '../support/damage.ts';
import { lz4Frame } from '../support/lz4-files.ts';
import type { Specimen } from '../support/specimen.ts';

const gzip = (s: Specimen): Uint8Array => gzipSync(s.kdump());
const lz4 = (s: Specimen): Uint8Array => lz4Frame(s.kdump());
const zstd = (s: Specimen): Uint8Array => compressZstd(s.kdump());

const half = (bytes: Uint8Array): Uint8Array => bytes.slice(0, bytes.length >> 1);

/** A MiB of memory full of texts that begin like VMCOREINFO; none has a kernel. */
function manyTexts(s: Specimen): Uint8Array {
  return Buffer.concat(
    Array.from({ length: 256 }, (_, i) =>
      Buffer.from(s.vmcoreinfo.replace('OSRELEASE=', `OSRELEASE=${i}.`).padEnd(4096, '\0')),
    ),
  );
}

export const WRAPPER_CASES: readonly DamagedCase[] = [
  {
    name: 'gzip: cut',
    make: (s) => half(gzip(s)),
    exitCode: 3,
    says: /gzip file: the file is truncated near byte \d+/,
  },
  {
    name: 'gzip: header alone',
    make: (s) => gzip(s).slice(0, 12),
    exitCode: 3,
    says: /nothing can be unpacked: gzip file: the file is truncated near byte \d+/,
  },
  {
    name: 'gzip: middle overwritten',
    make: (s) => patched(gzip(s), fill(9000, 300, 0xa5)),
    exitCode: 3,
    says: /nothing can be unpacked: gzip file: damaged \(incorrect data check\) near byte 0/,
  },
  {
    name: 'gzip: wrong sum',
    make: (s) => patched(gzip(s), u32(gzip(s).length - 8, 1)),
    exitCode: 3,
    says: /nothing can be unpacked: gzip file: damaged \(incorrect data check\) near byte 0/,
  },
  {
    name: 'gzip: of nothing',
    make: () => gzipSync(new Uint8Array()),
    exitCode: 3,
    says: /empty file/,
  },
  {
    name: 'lz4: cut',
    make: (s) => half(lz4(s)),
    exitCode: 3,
    says: /lz4 block: the file is truncated, expected \d+ bytes, have \d+/,
  },
  {
    name: 'lz4: magic alone',
    make: (s) => lz4(s).slice(0, 4),
    exitCode: 3,
    says: /nothing can be unpacked: lz4 frame header: expected 2 bytes at byte 4 of .*, have 0/,
  },
  {
    name: 'lz4: first block of 2 GB',
    make: (s) => patched(lz4(s), u32(7, 0x7fffffff)),
    exitCode: 3,
    says: /nothing can be unpacked: lz4 block header\+0x7: size \d+, expected at most \d+/,
  },
  {
    name: 'lz4: unknown version',
    make: (s) => patched(lz4(s), u8(4, 0xff)),
    exitCode: 3,
    says: /nothing can be unpacked: lz4 frame header\+0x4: version 3, expected 1/,
  },
  {
    name: 'lz4: middle overwritten',
    make: (s) => patched(lz4(s), fill(9000, 300, 0xa5)),
    exitCode: 3,
    says: /nothing can be unpacked: lz4 file\+0xb: block cannot be unpacked: lz4 block: damaged/,
  },
  {
    name: 'zstd: cut',
    make: (s) => half(zstd(s)),
    exitCode: 3,
    says: /zstd file: the file is truncated, it ends at byte \d+ inside a frame/,
  },
  {
    name: 'zstd: magic alone',
    make: (s) => zstd(s).slice(0, 4),
    exitCode: 3,
    says: /nothing can be unpacked: zstd frame header: expected 5 bytes at byte 0 of .*, have 4/,
  },
  {
    name: 'zstd: reserved bit set',
    make: (s) => patched(zstd(s), u8(4, 0xff)),
    exitCode: 3,
    says: /nothing can be unpacked: zstd frame header\+0x4: reserved bit is set/,
  },
  {
    name: 'zstd: content of 2^60 bytes',
    make: () => Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0xe0, 0, 0, 0, 0, 0, 0, 0, 0x10, 1, 0, 0),
    exitCode: 3,
    says: /nothing can be unpacked: zstd frame header\+0x5: content size is 0x\w+, expected less/,
  },
  {
    name: 'zstd: window of 3.75 TB',
    make: () => Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd, 0, 0xff, 1, 0, 0),
    exitCode: 3,
    says: /nothing can be unpacked: zstd frame header: needs a window of \d+ bytes/,
  },
  {
    name: 'zstd: middle overwritten',
    make: (s) => patched(zstd(s), fill(9000, 300, 0xa5)),
    exitCode: 1,
    says: /init_task\.tasks: page data: page of pfn \d+ \(.*, byte \d+\) cannot be read: zlib/,
  },
  {
    name: 'raw image: zeros',
    make: () => new Uint8Array(1 << 20),
    exitCode: 3,
    says: /no ELF, kdump-compressed or flattened header, and as a raw image of memory it has no/,
  },
  {
    name: 'raw image: a text',
    make: (s) => Buffer.from(s.vmcoreinfo),
    exitCode: 3,
    says: /no ELF, kdump-compressed or flattened header, and as a raw image of memory it has no/,
  },
  {
    name: 'raw image: 256 VMCOREINFOs without a kernel',
    make: manyTexts,
    exitCode: 3,
    says: /no ELF, kdump-compressed or flattened header, and as a raw image of memory it has no/,
  },
  {
    name: 'raw image: the VMCOREINFO in its last bytes',
    make: (s) => Buffer.concat([new Uint8Array(5000), Buffer.from(s.vmcoreinfo.slice(0, 600))]),
    exitCode: 3,
    says: /no ELF, kdump-compressed or flattened header, and as a raw image of memory it has no/,
  },
  {
    name: 'raw image: --phys-offset 2^53 - 1',
    make: () => new Uint8Array(1 << 16),
    options: ['--phys-offset', '9007199254740991'],
    exitCode: 3,
    says: /expected a physical offset that keeps it below 2\^\d+, have \d+/,
  },
];
