// The lz4 writer: our own reader and the lz4 program unpack what it packs.

import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { wrapLz4 } from '../../../src/format/compress/lz4-encode.ts';
import { unpackAll } from '../../../src/format/compress/wrapper.ts';
import { BytesSink, BytesSource } from '../../../src/util/io.ts';
import { Prng } from '../../../src/util/prng.ts';
import { hasProgram, skipWithReason } from '../../support/bpftool.ts';
import { makePage, PAGE_KINDS } from '../../support/pages.ts';

const BLOCK_SIZE = 4 << 20;

/** Two blocks and a part of a third; the middle one does not compress. */
function content(): Uint8Array {
  const prng = new Prng(5);
  const bytes = new Uint8Array(2 * BLOCK_SIZE + 12_345);
  for (let at = 0, i = 0; at < bytes.length; at += 4096, i++) {
    const inMiddle = at >= BLOCK_SIZE && at < 2 * BLOCK_SIZE;
    const kind = inMiddle ? 'random' : PAGE_KINDS[i % PAGE_KINDS.length]!;
    bytes.set(makePage(kind, Math.min(4096, bytes.length - at), prng), at);
  }
  return bytes;
}

function wrapped(bytes: Uint8Array): Uint8Array {
  const sink = new BytesSink();
  wrapLz4(new BytesSource(bytes), sink);
  return sink.bytes();
}

describe('wrapLz4', () => {
  for (const bytes of [content(), new Uint8Array(0), Uint8Array.of(7)]) {
    it(`is unpacked again: ${bytes.length} bytes`, async () => {
      const pieces: Uint8Array[] = [];
      const sink = {
        write: (piece: Uint8Array): void => void pieces.push(piece.slice()),
        consumed: (): void => undefined,
      };
      const problem = await unpackAll(new BytesSource(wrapped(bytes)), 'lz4', sink);
      assert.equal(problem, undefined);
      assert.ok(Buffer.concat(pieces).equals(bytes));
    });
  }

  it('is what the lz4 program takes, checksums and all', function () {
    if (!hasProgram('lz4')) {
      skipWithReason(this, 'lz4 is not installed');
      return;
    }
    const bytes = content();
    const run = spawnSync('lz4', ['-dc'], { input: wrapped(bytes), maxBuffer: 1 << 24 });
    assert.equal(run.status, 0, run.stderr.toString());
    assert.ok(run.stdout.equals(bytes));
  });
});
