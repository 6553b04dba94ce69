// Which dump was packed, so that nobody mistakes another one for it. A checksum of a dump of 200 GB
// takes as long as copying it, and the triage reads a thousandth of that: so it is of the sizes and
// beginnings of the files, which have headers, notes and time of the dump.

import { FileSource } from '../target/file-source.ts';

/** Bytes of each file: more than the notes of a thousand CPUs take. */
const LENGTH = 1 << 20;

/** What {@link checksumOf} is of, in words. */
export const CHECKSUM_OF = 'SHA-256 over size (u64) and first MiB of each file';

/** The checksum in hex digits. */
export function checksumOf(paths: readonly string[]): string {
  // Not a static import: verbs that pack nothing are loaded with this file.
  const hash = process.getBuiltinModule('node:crypto').createHash('sha256');
  for (const path of paths) {
    const file = FileSource.open(path);
    try {
      const size = new DataView(new ArrayBuffer(8));
      size.setBigUint64(0, BigInt(file.size), true);
      const bytes = new Uint8Array(Math.min(LENGTH, file.size));
      const got = file.readInto(bytes, 0);
      hash.update(new Uint8Array(size.buffer)).update(bytes.subarray(0, got));
    } finally {
      file.close();
    }
  }
  return hash.digest('hex');
}
