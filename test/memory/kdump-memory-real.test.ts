// kdump files that other programs wrote: makedumpfile and QEMU. Against the plain ELF of the same
// instant, against each other through makedumpfile, and our own file as makedumpfile reads it.

import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { isFlattened, readFlattened } from '../../src/format/flattened/read.ts';
import type { KdumpFile } from '../../src/format/kdump/read.ts';
import { readKdump } from '../../src/format/kdump/read.ts';
import { KdumpWriter } from '../../src/format/kdump/write.ts';
import { compressPage } from '../../src/format/compress/encode.ts';
import type { PageCodec } from '../../src/format/compress/pages.ts';
import { KdumpMemory } from '../../src/memory/kdump-memory.ts';
import { FileSource } from '../../src/target/file-source.ts';
import { latin1 } from '../../src/util/byte-reader.ts';
import { BytesSink, SubSource } from '../../src/util/io.ts';
import { CODEC_FLAGS } from '../support/kdump-builder.ts';
import { realDump } from '../support/real-dumps.ts';

const PRESS = 'k61-press-d31.kdump';

function openFile(path: string): KdumpFile {
  const source = FileSource.open(path);
  return readKdump(isFlattened(source) ? readFlattened(source) : source);
}

/** All that the dump holds: every present page with its address. */
async function digest(files: readonly KdumpFile[]): Promise<{ pages: number; sha1: string }> {
  const memory = await KdumpMemory.open(files);
  const hash = createHash('sha1');
  const page = new Uint8Array(memory.pageSize);
  let pages = 0;
  for (const { start, end } of memory.presentRanges()) {
    for (let at = start; at < end; at += page.length, pages++) {
      memory.readInto(page, at);
      hash.update(`${at} `).update(page);
    }
  }
  return { pages, sha1: hash.digest('hex') };
}

function isInstalled(tool: string): boolean {
  return spawnSync(tool, ['--help'], { stdio: 'ignore' }).error === undefined;
}

/** Skips the test, with the reason in its title, where a tool is absent. */
function needTool(context: Mocha.Context, tool: string): void {
  if (isInstalled(tool)) return;
  if (context.test !== undefined) context.test.title += ` (skipped: ${tool} is not installed)`;
  context.skip();
}

interface Expected {
  readonly pages: number;
  /** Bits of the 1st bitmap. */
  readonly ram: number;
  readonly release: string;
}

/** Counted by a separate program from bitmaps and descriptors. */
const REAL: Readonly<Record<string, Expected>> = {
  'k61-press-d31.kdump': { pages: 19137, ram: 65536, release: '6.1.0-56-cloud-amd64' },
  'k61-quiet-d31-zstd.kdump': { pages: 17344, ram: 65536, release: '6.1.0-56-cloud-amd64' },
  'k2-pair-a.kdump': { pages: 46758, ram: 49152, release: '6.1.192-kmallocwd2' },
  'k1-victim-wd10.kdump': { pages: 41024, ram: 41024, release: '6.1.192-kmallocwd' },
};

describe('KdumpMemory on real dumps', () => {
  for (const [name, expected] of Object.entries(REAL)) {
    it(`decompresses every page of ${name}`, async function () {
      const file = openFile(realDump(this, name));
      assert.equal((await digest([file])).pages, expected.pages);
      assert.equal(file.ramBitmap!.rank(file.maxPfn), expected.ram);
      const vmcoreinfo = latin1(file.readVmcoreinfo()!);
      assert.match(vmcoreinfo, new RegExp(`^OSRELEASE=${expected.release}\n`));
      assert.ok(latin1(file.readNotes()!).includes(vmcoreinfo), 'VMCOREINFO is in the notes too');
    });
  }

  it('keeps the pages of a dump whose copy was cut, and says which are gone', async function () {
    const source = FileSource.open(realDump(this, PRESS));
    const whole = await KdumpMemory.open([readKdump(source)]);
    const cut = await KdumpMemory.open([readKdump(new SubSource(source, 0, 6_000_000))]);
    const counts = { present: 0, truncated: 0 };
    const [mine, theirs] = [new Uint8Array(4096), new Uint8Array(4096)];
    for (let at = 0; at < whole.end; at += 4096) {
      if (whole.stateOf(at) !== 'present') {
        assert.equal(cut.stateOf(at), whole.stateOf(at));
        continue;
      }
      const state = cut.stateOf(at);
      assert.ok(state === 'present' || state === 'truncated', state);
      counts[state]++;
      if (state === 'truncated') continue;
      cut.readInto(mine, at);
      whole.readInto(theirs, at);
      assert.deepEqual(mine, theirs);
    }
    assert.equal(counts.present + counts.truncated, REAL[PRESS]!.pages);
    assert.ok(counts.present > 5000 && counts.truncated > 5000, JSON.stringify(counts));
  });

  it('holds in every present page what the ELF of the same instant holds', async function () {
    const packed = realDump(this, 'k61-press.elf.zst');
    needTool(this, 'zstd');
    const memory = await KdumpMemory.open([openFile(realDump(this, PRESS))]);
    // The first PT_LOAD of that file, as readelf shows it, is all of low memory.
    const loadOffset = 0x14a0;
    const unpacking = spawn('zstd', ['-dc', packed], { stdio: ['ignore', 'pipe', 'ignore'] });
    const page = Buffer.alloc(4096);
    const mine = new Uint8Array(4096);
    let position = 0;
    let compared = 0;
    for await (const chunk of unpacking.stdout as AsyncIterable<Buffer>) {
      for (let at = 0; at < chunk.length;) {
        const inFile = position + at - loadOffset;
        const inPage = ((inFile % 4096) + 4096) % 4096;
        const length = Math.min(chunk.length - at, 4096 - inPage);
        chunk.copy(page, inPage, at, at + length);
        at += length;
        const paddr = inFile - inPage;
        const isWhole = inPage + length === 4096 && paddr >= 0 && paddr < memory.end;
        if (!isWhole || memory.stateOf(paddr) !== 'present') continue;
        memory.readInto(mine, paddr);
        assert.ok(page.equals(mine), `page at 0x${paddr.toString(16)}`);
        compared++;
      }
      position += chunk.length;
    }
    assert.equal(compared, REAL[PRESS]!.pages);
  });
});

describe('KdumpMemory against makedumpfile', () => {
  let folder = '';
  let original: { pages: number; sha1: string } | undefined;

  before(async function () {
    needTool(this, 'makedumpfile');
    folder = mkdtempSync(join(tmpdir(), 'stallcore-kdump-'));
    original = await digest([openFile(realDump(this, PRESS))]);
  });

  after(() => {
    if (folder !== '') rmSync(folder, { recursive: true });
  });

  /** Recompresses the real dump; its output goes to `to`, or with -F to stdout. */
  function recompress(context: Mocha.Context, options: readonly string[], to: string[]): string[] {
    const paths = to.map((name) => join(folder, name));
    const isFlat = options.includes('-F');
    const stdout = isFlat ? openSync(paths[0]!, 'w') : 'ignore';
    const args = [...options, '-d', '31', realDump(context, PRESS), ...(isFlat ? [] : paths)];
    runMakedumpfile(args, stdout);
    if (typeof stdout === 'number') closeSync(stdout);
    return paths;
  }

  const RECOMPRESSED: readonly [options: string[], parts: string[]][] = [
    [['-l'], ['lzo']],
    [['-c'], ['zlib']],
    [[], ['raw']],
    [['-F', '-l'], ['flattened']],
    // Blocks of 16 MiB: with the default of 1 GiB, the first part takes all and the rest are empty.
    [
      ['--split', '--splitblock-size', '16', '-l'],
      ['part1', 'part2', 'part3'],
    ],
    [
      ['--split', '-l'],
      ['all', 'nothing', 'nothing-either'],
    ],
  ];
  for (const [options, parts] of RECOMPRESSED) {
    it(`has the same pages after makedumpfile ${options.join(' ')} -d 31`, async function () {
      const paths = recompress(this, options, parts);
      const files = paths.reverse().map(openFile);
      assert.deepEqual(await digest(files), original);
    });
  }

  it('gives makedumpfile a file of KdumpWriter that it reads like the original', async function () {
    const file = openFile(realDump(this, PRESS));
    const path = join(folder, 'own');
    // lzo, so that liblzo2 judges our encoder at the same time.
    writeFileSync(path, rewrite(file, await KdumpMemory.open([file]), 'lzo'));
    assert.deepEqual(await digest([openFile(path)]), original);

    const refiltered = join(folder, 'refiltered');
    runMakedumpfile(['-l', '-d', '31', path, refiltered]);
    assert.deepEqual(await digest([openFile(refiltered)]), original);

    const logs = [path, realDump(this, PRESS)].map((vmcore, index) => {
      const log = join(folder, `dmesg-${index}`);
      runMakedumpfile(['--dump-dmesg', vmcore, log]);
      return readFileSync(log, 'latin1');
    });
    assert.ok(logs[0]!.includes('out_of_memory'));
    assert.equal(logs[0], logs[1]);
  });
});

function runMakedumpfile(args: readonly string[], stdout: number | 'ignore' = 'ignore'): void {
  const { status } = spawnSync('makedumpfile', args, { stdio: ['ignore', stdout, 'ignore'] });
  assert.equal(status, 0, `makedumpfile ${args.join(' ')}`);
}

function rewrite(file: KdumpFile, memory: KdumpMemory, codec: PageCodec): Uint8Array {
  const sink = new BytesSink();
  const writer = new KdumpWriter(sink, {
    maxPfn: file.maxPfn,
    storedCountMax: file.storedBitmap.rank(file.maxPfn),
    utsname: file.header.utsname,
    physBase: file.subHeader.physBase,
    dumpLevel: 31,
    cpuCount: file.header.cpuCount,
    status: CODEC_FLAGS[codec],
    notes: file.readNotes()!,
    vmcoreinfo: file.readVmcoreinfo()!,
    compress: (page) => {
      const bytes = compressPage(codec, page);
      return bytes && { bytes, flags: CODEC_FLAGS[codec] };
    },
  });
  const page = new Uint8Array(memory.pageSize);
  for (let pfn = 0; pfn < file.maxPfn; pfn++) {
    const state = memory.stateOf(pfn * page.length);
    if (state === 'excluded') writer.addExcluded({ start: pfn, end: pfn + 1 });
    if (state !== 'present') continue;
    memory.readInto(page, pfn * page.length);
    writer.addPage(pfn, page);
  }
  writer.finish();
  return sink.bytes();
}
