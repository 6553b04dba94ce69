import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FileSource } from '../../src/target/file-source.ts';

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
