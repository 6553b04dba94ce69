import assert from 'node:assert/strict';
import {
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { checkPlace, writeTextFile, writeTextPieces } from '../../src/cli/unfinished-files.ts';

describe('writeTextPieces', () => {
  let folder: string;
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'stallcore-unfinished-'));
  });
  after(() => rmSync(folder, { recursive: true }));

  it('writes pieces one after the other, long ones and such with letters of several bytes', () => {
    const pieces = ['a', 'é€', 'b'.repeat(100_000), '', 'ü'.repeat(70_000), 'end\n'];
    writeTextPieces(join(folder, 'whole'), pieces);
    assert.equal(readFileSync(join(folder, 'whole'), 'utf8'), pieces.join(''));
  });

  it('leaves the old file where a piece cannot be had', () => {
    const path = join(folder, 'kept');
    writeTextFile(path, 'old');
    const pieces = function* (): Generator<string> {
      yield 'new'.repeat(100_000);
      throw new Error('no more');
    };
    assert.throws(() => writeTextPieces(path, pieces()), /no more/);
    assert.equal(readFileSync(path, 'utf8'), 'old');
    assert.deepEqual(
      readdirSync(folder).filter((name) => name.startsWith('kept')),
      ['kept'],
    );
  });
});

describe('checkPlace', () => {
  it('names the folder that is missing, and not a file', () => {
    const path = join(tmpdir(), 'stallcore-no-such-folder', 'x');
    assert.throws(() => checkPlace(path), /stallcore-no-such-folder: no such folder$/);
    assert.throws(() => writeTextFile(path, ''), /stallcore-no-such-folder: no such folder$/);
  });

  it('wants a file, and a folder for it', () => {
    assert.throws(() => checkPlace(tmpdir()), /expected the name of a file, this is a folder/);
    assert.throws(() => checkPlace(join(import.meta.filename, 'x')), /\.test\.ts: is no folder/);
    assert.doesNotThrow(() => checkPlace('x'));
  });

  it('replaces no device and no link', () => {
    const folder = mkdtempSync(join(tmpdir(), 'stallcore-unfinished-'));
    try {
      const kept = join(folder, 'kept');
      writeFileSync(kept, 'kept');
      symlinkSync(kept, join(folder, 'link'));
      assert.throws(() => writeTextFile(join(folder, 'link'), 'new'), /this is a symbolic link$/);
      assert.throws(() => checkPlace('/dev/null'), /this is a device$/);
      assert.equal(readFileSync(kept, 'utf8'), 'kept');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  it('writes to no file that is there under the name of the work', () => {
    const folder = mkdtempSync(join(tmpdir(), 'stallcore-unfinished-'));
    try {
      const input = join(folder, `x.${process.pid}.unfinished`);
      writeFileSync(input, 'input');
      assert.throws(() => writeTextFile(join(folder, 'x'), 'new'), /is there already/);
      assert.equal(readFileSync(input, 'utf8'), 'input');
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
