import assert from 'node:assert/strict';
import { chmodSync, copyFileSync, mkdtempSync, rmSync } from 'node:fs';
import { statSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readNotes } from '../../src/format/elf/notes.ts';
import { isPackNote } from '../../src/format/pack/read.ts';
import { readKdump } from '../../src/format/kdump/read.ts';
import type { PackOptions } from '../../src/pack/pack.ts';
import { verifyPacked } from '../../src/pack/verify.ts';
import { openVmcore } from '../../src/target/index.ts';
import { errorChain, VmcoreError } from '../../src/util/errors.ts';
import { BytesSource } from '../../src/util/io.ts';
import { Prng } from '../../src/util/prng.ts';
import { Problems } from '../../src/util/problems.ts';
import { compareJson, triageJson, withPacked } from '../support/packed.ts';
import { realDump } from '../support/real-dumps.ts';
import { runScenario, writeRun } from '../support/simulated.ts';
import type { Simulation, VmcoreFormat } from '../../src/sim/simulate.ts';

const REAL: readonly (readonly [name: string, sizeMax: number])[] = [
  ['k61-press-d31.kdump', 1_500_000],
  ['k61-quiet-d31-zstd.kdump', 1_500_000],
  ['k61-press.elf.zst', 1_500_000],
  ['k1-victim-wd10.kdump', 1_000_000],
  ['k2-pair-a.kdump', 1_000_000],
  ['k2-pair-b.kdump', 1_000_000],
];

describe('packVmcore', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-pack-test-'));
  after(() => rmSync(folder, { recursive: true }));

  for (const [name, sizeMax] of REAL) {
    it(`makes of ${name} a small dump that gives the same triage`, async function () {
      const path = realDump(this, name);
      const expected = await triageJson([path]);
      await withPacked([path], {}, async (packed) => {
        assert.ok(packed.bytes.length < sizeMax, `${packed.bytes.length} bytes`);
        assert.deepEqual(await triageJson([packed.path]), expected);
      });
    });
  }

  it('makes of a pair two that compare as the dumps do', async function () {
    const [a, b] = ['a', 'b'].map((name) => realDump(this, `k2-pair-${name}.kdump`));
    await checkComparison(a!, b!);
  });

  it('keeps of a dump that was cut off why its bytes are not there', async function () {
    const path = join(folder, 'cut');
    copyFileSync(realDump(this, 'k61-press-d31.kdump'), path);
    chmodSync(path, 0o600);
    truncateSync(path, Math.floor(statSync(path).size * 0.9));
    const expected = await triageJson([path]);
    assert.match(JSON.stringify(expected), /cut off, the file is truncated/);
    await withPacked([path], {}, async (packed) => {
      assert.deepEqual(await triageJson([packed.path]), expected);
    });
  });
});

describe('packVmcore, of a simulated dump', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-pack-sim-'));
  let run: Simulation;
  let expected: unknown;
  let path: string;

  before(async () => {
    run = runScenario('oom-victim-mutex', {
      ...{ seed: 3, kmallocwd: 10, judgedBy: 0.1 },
      knobs: { ramMiB: 64 },
    });
    path = join(folder, 'vmcore');
    writeRun(run, path, { format: 'kdump' });
    expected = await triageJson([path]);
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const format of ['elf', 'kdump', 'flattened', 'split', 'raw'] as VmcoreFormat[]) {
    it(`works from ${format}`, async () => {
      const { paths } = writeRun(run, join(folder, format), { format, lz4: format === 'elf' });
      const before = await triageJson(paths);
      await withPacked(paths, {}, async (packed) => {
        assert.deepEqual(await triageJson([packed.path]), before);
      });
    });
  }

  it('makes of a pair two that compare as the dumps do', async () => {
    const knobs = { ramMiB: 64, dumpSeconds: 5 };
    const options = { seed: 1, kmallocwd: 1, judgedBy: 0.1, knobs, again: 1 };
    const pair = runScenario('oom-victim-mutex', options);
    const [first, second] = [join(folder, 'first'), join(folder, 'second')];
    writeRun(pair, first, { format: 'kdump' });
    writeRun(pair.again!, second, { format: 'elf' });
    await checkComparison(first, second);
  });

  const WRITTEN: readonly Partial<PackOptions>[] = [
    { level: 'pages' },
    { level: 'tasks' },
    { format: 'lzo' },
    { format: 'snappy' },
    { format: 'zstd' },
    { format: 'elf' },
    { format: 'elf', level: 'tasks' },
  ];
  for (const options of WRITTEN) {
    it(`gives the same triage with ${JSON.stringify(options)}`, async () => {
      await withPacked([path], options, async (packed) => {
        assert.deepEqual(await triageJson([packed.path]), expected);
      });
    });
  }

  for (const options of [{ noLog: true }, { maskComm: true }]) {
    it(`gives the same verdict with ${JSON.stringify(options)}`, async () => {
      await withPacked([path], options, async (packed) => {
        assert.equal(await verifyPacked(packed.path, packed.result, options), undefined);
        assert.equal(packed.result.manifest.masked.length, options.maskComm === true ? 3 : 1);
      });
    });
  }

  it('packs a packed dump again', async () => {
    await withPacked([path], {}, (first) =>
      withPacked([first.path], { format: 'elf' }, async (second) => {
        assert.deepEqual(await triageJson([second.path]), expected);
        const [a, b] = [first, second].map(({ result }) => result.manifest.kept);
        assert.deepEqual(b, a);
      }),
    );
  });

  it('is found out where the packed dump gives another triage', async () => {
    await withPacked([path], {}, async (packed) => {
      const { answer, problems } = packed.result;
      const other = { ...answer, verdict: { ...answer.verdict, sentence: 'another' } };
      const difference = await verifyPacked(packed.path, { answer: other, problems }, {});
      assert.match(difference ?? '', /^triage\.verdict\.sentence: expected "another", have "/);
    });
  });

  it('makes a dump whose manifest counts each byte once', async () => {
    await withPacked([path], {}, ({ result: { manifest } }) => {
      const sum = manifest.kept.reduce((total, { bytes }) => total + bytes, 0);
      assert.equal(sum, manifest.keptBytes);
      assert.ok(manifest.kept.some(({ what }) => what === 'page tables'));
      assert.equal(manifest.source.container.files[0]?.name, 'vmcore');
    });
  });

  it('makes a dump that says where it is asked for what was taken out', async () => {
    await withPacked([path], {}, async (packed) => {
      const problems = new Problems();
      const vmcore = await openVmcore([packed.path], { problems });
      assert.equal(vmcore.symbols.lookup('nobody_asks_for_this'), undefined);
      assert.equal(vmcore.types.find('struct', 'nor_for_this'), undefined);
      const subjects = problems.list.map(({ subject }) => subject);
      assert.deepEqual(subjects.slice(-2), [
        'symbol nobody_asks_for_this',
        'type struct nor_for_this',
      ]);
      const text = vmcore.symbol('_text');
      const read = (): unknown => vmcore.readBytes(text, 4096);
      assert.throws(read, (error) => errorChain(error).endsWith('removed by pack'));
      vmcore.close();
    });
  });

  it('makes a dump whose damaged note is refused, or is one all the same', async () => {
    await withPacked([path], {}, async (packed) => {
      const { start, end } = noteOf(packed.bytes);
      const random = new Prng(1);
      const outcomes = { opened: 0, refused: 0 };
      const damaged = join(folder, 'damaged');
      for (let i = 0; i < 120; i++) {
        const bytes = packed.bytes.slice();
        const length = 1 + random.below(8);
        for (let n = 0; n < length; n++)
          bytes[start + random.below(end - start)]! ^= 1 << random.below(8);
        writeFileSync(damaged, bytes);
        try {
          (await openVmcore([damaged])).close();
          outcomes.opened++;
        } catch (error) {
          if (!(error instanceof VmcoreError)) throw error;
          outcomes.refused++;
          // A page of memory has nothing to do with it.
          assert.doesNotMatch(error.message, /^zlib page/);
        }
      }
      assert.ok(outcomes.refused > 100, JSON.stringify(outcomes));
    });
  });
});

/** Packed or not, the two give the same result object, problems and all. */
async function checkComparison(a: string, b: string): Promise<void> {
  const expected = await compareJson([a], [b]);
  await withPacked([a], {}, (before) =>
    withPacked([b], {}, async (now) => {
      assert.deepEqual(await compareJson([before.path], [now.path]), expected);
    }),
  );
}

/** Where pack's note lies in a kdump file. */
function noteOf(bytes: Uint8Array): { start: number; end: number } {
  const notes = readKdump(new BytesSource(bytes)).readNotes() ?? new Uint8Array(0);
  const options = { littleEndian: true, section: 'notes', problems: new Problems() };
  const note = readNotes(notes, options).find(isPackNote);
  const at = Buffer.from(bytes).indexOf(note?.desc ?? 'none');
  return { start: at, end: at + (note?.descSize ?? 0) };
}
