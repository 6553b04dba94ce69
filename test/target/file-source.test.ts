import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileSource } from '../../src/target/file-source.ts';
import { skipWithReason } from '../support/bpftool.ts';

describe('FileSource', () => {
  let folder: string;
  let path: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'stallcore-test-'));
    path = join(folder, 'vmcore');
    writeFileSync(path, 'KDUMP   0123456789');
  });
  after(() => rmSync(folder, { recursive: true }));

  it('is called by the name of the file, without its folder', () => {
    const source = FileSource.open(path);
    assert.equal(source.name, 'vmcore');
    assert.equal(source.size, 18);
    source.close();
  });

  it('reads at any offset, and less at the end only', () => {
    const source = FileSource.open(path);
    const into = Buffer.alloc(4);
    assert.equal(source.readInto(into, 8), 4);
    assert.equal(into.toString(), '0123');
    assert.equal(source.readInto(into, 16), 2);
    assert.equal(into.toString(), '8923');
    assert.equal(source.readInto(into, 18), 0);
    assert.equal(source.readInto(into, 2 ** 40), 0);
    source.close();
  });

  it('reads across the blocks that it keeps as pread does', () => {
    const bytes = Uint8Array.from({ length: 200_000 }, (_, i) => (i * 31) ^ (i >> 8));
    const large = join(folder, 'large');
    writeFileSync(large, bytes);
    const source = FileSource.open(large);
    for (const [offset, length] of [
      [65_530, 12],
      [131_072, 1],
      [65_535, 16_384],
      [10, 150_000],
      [199_990, 100],
    ] as const) {
      const into = new Uint8Array(length);
      const got = source.readInto(into, offset);
      assert.deepEqual(into.subarray(0, got), bytes.subarray(offset, offset + length));
    }
    source.close();
  });

  it('reads what lies beside what cannot be read', function () {
    if (!existsSync('/proc/self/maps')) return skipWithReason(this, 'it needs /proc of Linux');
    const at = startAfterHole(readFileSync('/proc/self/maps', 'latin1'));
    const source = FileSource.open('/proc/self/mem');
    assert.equal(source.readInto(new Uint8Array(16), at), 16);
    assert.throws(() => source.readInto(new Uint8Array(16), at - 16), /mem\+0x.*EIO/);
    source.close();
  });

  it('refuses to read what was closed, which may be done twice', () => {
    const source = FileSource.open(path);
    source.close();
    source.close();
    assert.throws(
      () => source.readInto(new Uint8Array(1), 2),
      /^FormatError: vmcore\+0x2: .*closed/,
    );
  });

  it('refuses folders and devices that have no size', () => {
    assert.throws(() => FileSource.open(folder), /is no regular file/);
    assert.throws(() => FileSource.open('/dev/null'), /null: is no regular file/);
  });

  it('leaves the error of a file that is not there as it is', () => {
    assert.throws(() => FileSource.open(join(folder, 'absent')), { code: 'ENOENT' });
  });
});

/** Where a mapping begins in the middle of 64 KiB of which nothing before is mapped. */
function startAfterHole(maps: string): number {
  let end = 0;
  for (const [, from, to, mode] of maps.matchAll(/^([0-9a-f]+)-([0-9a-f]+) (\S+)/gm)) {
    const start = Number.parseInt(from!, 16);
    if (mode!.startsWith('r') && start % 65_536 !== 0 && end <= start - (start % 65_536)) {
      return start;
    }
    end = Number.parseInt(to!, 16);
  }
  throw new assert.AssertionError({ message: 'no mapping begins behind a hole' });
}
