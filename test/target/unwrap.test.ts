// Packed files from disk: where the temporary file goes, and that nothing of it stays.

import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { fstatSync, mkdtempSync, readdirSync, readlinkSync } from 'node:fs';
import { existsSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { compressZstd } from '../../src/format/compress/zstd-encode.ts';
import { FileSource } from '../../src/target/file-source.ts';
import { openWrapped, type UnwrapOptions } from '../../src/target/unwrap.ts';
import { BytesSource, readExactly, type ByteSource } from '../../src/util/io.ts';
import { Prng } from '../../src/util/prng.ts';
import { lz4Frame } from '../support/lz4-files.ts';
import { makePage } from '../support/pages.ts';
import { realDump } from '../support/real-dumps.ts';

const CONTENT = makePage('text', 200_000, new Prng(20));
const GZIP = new Uint8Array(gzipSync(CONTENT));

const readAll = (source: ByteSource): Uint8Array =>
  readExactly(source, { section: 'all', offset: 0, length: source.size });

describe('openWrapped', () => {
  let tmpDir: string;
  beforeEach(() => {
    tmpDir = mkdtempSync(join(tmpdir(), 'stallcore-test-'));
  });
  afterEach(() => rmSync(tmpDir, { recursive: true }));

  const open = (file: Uint8Array, options: UnwrapOptions = {}): ReturnType<typeof openWrapped> =>
    openWrapped(new BytesSource(file, 'vmcore.packed'), { tmpDir, ...options });

  it('gives back a file that is not packed', async () => {
    const source = new BytesSource(CONTENT);
    const opened = await openWrapped(source, { tmpDir });
    assert.equal(opened.source, source);
    assert.equal(opened.wrapper, undefined);
    assert.equal(opened.how, 'in place');
    opened.close();
  });

  it('reads in place without a temporary file where it can', async () => {
    const opened = await open(lz4Frame(CONTENT), { tmpDir: '/nonexistent' });
    assert.equal(opened.wrapper, 'lz4');
    assert.equal(opened.how, 'in place');
    assert.deepEqual(readAll(opened.source), CONTENT);
    opened.close();
  });

  it('unpacks to a file that nobody sees, and takes it off the disk', async function () {
    const opened = await open(GZIP);
    assert.equal(opened.wrapper, 'gzip');
    assert.equal(opened.how, 'unpacked');
    assert.equal(opened.source.name, 'vmcore.packed');
    assert.deepEqual(readAll(opened.source), CONTENT);
    assert.deepEqual(readdirSync(tmpDir), []);
    if (existsSync('/proc/self/fd')) assert.equal(openFilesIn(tmpDir), 1);
    opened.close();
    opened.close();
    assert.equal(openFilesIn(tmpDir), 0);
  });

  it('takes off packings inside each other', async () => {
    const opened = await open(lz4Frame(compressZstd(GZIP)));
    assert.equal(opened.wrapper, 'lz4');
    assert.equal(opened.how, 'unpacked');
    assert.deepEqual(readAll(opened.source), CONTENT);
    opened.close();
    assert.equal(openFilesIn(tmpDir), 0);
  });

  it('keeps what is there of a truncated file, with the problem', async () => {
    const opened = await open(GZIP.subarray(0, GZIP.length >> 1));
    assert.match(opened.problems.join(), /gzip file: the file is truncated near byte/);
    const { size } = opened.source;
    assert.ok(size > 10_000 && size < CONTENT.length);
    assert.deepEqual(readAll(opened.source), CONTENT.subarray(0, size));
    opened.close();
  });

  it('refuses a file that nothing can be unpacked of, and leaves nothing', async () => {
    for (const file of [GZIP.subarray(0, 12), lz4Frame(CONTENT).subarray(0, 6)]) {
      await assert.rejects(open(file), { code: 'format', message: /nothing can be unpacked/ });
    }
    assert.equal(openFilesIn(tmpDir), 0);
    assert.deepEqual(readdirSync(tmpDir), []);
  });

  it('tells the progress, up to all of the packed file', async () => {
    const seen: number[] = [];
    const opened = await open(GZIP, {
      onProgress: (done, total) => {
        assert.equal(total, GZIP.length);
        seen.push(done);
      },
    });
    opened.close();
    assert.deepEqual(
      seen,
      seen.toSorted((a, b) => a - b),
    );
    assert.equal(seen.at(-1), GZIP.length);
  });

  it('leaves holes where the content is zero', async () => {
    const content = new Uint8Array(8 << 20);
    content.set(CONTENT.subarray(0, 5000), 3_000_001);
    content[content.length - 5] = 1;
    for (const tail of [0, 1_000_000]) {
      const sparse = content.subarray(0, content.length - tail);
      const opened = await open(new Uint8Array(gzipSync(sparse)));
      assert.equal(Buffer.compare(readAll(opened.source), sparse), 0);
      const blocks = openStatIn(tmpDir)?.blocks;
      if (blocks !== undefined) assert.ok(blocks * 512 < 100_000, `${blocks} blocks`);
      opened.close();
    }
  });

  it('says how much room is missing before it unpacks', async () => {
    const freeBytes = (): number => 100 << 20;
    // 120 MiB in one frame: too large to be read in place, and its size is stated.
    const file = compressZstd(new Uint8Array(120 << 20));
    await assert.rejects(open(file, { freeBytes }), {
      code: 'unsupported',
      message: /no room, expected 136 MiB free, have 100 MiB; name another folder with --tmp/,
    });
    assert.equal(openFilesIn(tmpDir), 0);
  });

  // More than the temporary file takes between two looks at the free room.
  const large = Buffer.alloc(66 << 20, 'room');
  const pack = {
    gzip: () => new Uint8Array(gzipSync(large, { level: 1 })),
    lz4: () => lz4Frame(large, { linked: true }),
    zstd: () => compressZstd(large),
  };
  for (const [wrapper, packLarge] of Object.entries(pack)) {
    it(`stops when the room runs out while it unpacks (${wrapper})`, async () => {
      let asked = 0;
      const freeBytes = (): number => (asked++ === 0 ? 1 << 30 : 1000);
      const opening = open(packLarge(), { freeBytes });
      await assert.rejects(opening, { code: 'unsupported', message: /no room/ });
      assert.equal(asked, 2);
      assert.equal(openFilesIn(tmpDir), 0);
      assert.deepEqual(readdirSync(tmpDir), []);
    });
  }

  it('names the folder that no file can be made in', async () => {
    await assert.rejects(open(GZIP, { tmpDir: join(tmpDir, 'absent') }), {
      code: 'unsupported',
      message: /temporary file in .*absent: ENOENT.*--tmp/,
    });
  });

  it('gives a file of its own to each of two that are open', async () => {
    const [one, two] = await Promise.all([open(GZIP), open(new Uint8Array(gzipSync(GZIP)))]);
    assert.deepEqual(readAll(one.source), CONTENT);
    assert.deepEqual(readAll(two.source), CONTENT);
    one.close();
    assert.deepEqual(readAll(two.source), CONTENT);
    two.close();
  });

  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGKILL'] as const) {
    for (const where of ['inside', 'after'] as const) {
      const when = where === 'inside' ? 'while' : 'after';
      it(`leaves nothing after ${signal} ${when} unpacking`, async () => {
        const path = join(tmpDir, 'vmcore.gz');
        // Random, so that it takes more than one chunk of the packed file.
        writeFileSync(path, gzipSync(new Prng(1).bytes(3 << 20), { level: 1 }));
        const script = fileURLToPath(new URL('../support/unwrap-and-wait.ts', import.meta.url));
        const args = ['--import=tsx', script, path, tmpDir, where];
        const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] });
        const ended = new Promise((resolve) => child.on('exit', (_, by) => resolve(by)));
        child.stdout.once('data', () => child.kill(signal));
        assert.equal(await ended, signal);
        assert.deepEqual(readdirSync(tmpDir), ['vmcore.gz']);
      });
    }
  }

  it('unpacks the real ELF dump in its one zstd frame', async function () {
    const file = FileSource.open(realDump(this, 'k61-press.elf.zst'));
    const opened = await openWrapped(file, { tmpDir });
    assert.equal(opened.how, 'unpacked');
    assert.deepEqual(opened.problems, []);
    assert.equal(opened.source.size, 268_702_891);
    const hash = createHash('sha1');
    const chunk = new Uint8Array(1 << 20);
    for (let offset = 0; offset < opened.source.size; offset += chunk.length) {
      hash.update(chunk.subarray(0, opened.source.readInto(chunk, offset)));
    }
    // What `unzstd | sha1sum` says.
    assert.equal(hash.digest('hex'), '42329f2a6279d58dc253b1ab810d27a291680c4c');
    opened.close();
    file.close();
  });
});

/** The descriptors of this process whose file is, or was, in `folder`; none where no /proc is. */
function descriptorsIn(folder: string): string[] {
  const fds = '/proc/self/fd';
  if (!existsSync(fds)) return [];
  return readdirSync(fds).filter((fd) => {
    try {
      return readlinkSync(join(fds, fd)).startsWith(folder);
    } catch (error) {
      // The descriptor of the listing itself is closed by now.
      if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false;
      throw error;
    }
  });
}

function openFilesIn(folder: string): number {
  return descriptorsIn(folder).length;
}

function openStatIn(folder: string): { blocks: number } | undefined {
  const [fd] = descriptorsIn(folder);
  return fd === undefined ? undefined : fstatSync(Number(fd));
}
