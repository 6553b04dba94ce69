import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { btResult, type BtResult } from '../../src/kernel/bt.ts';
import type { FlavourName } from '../../src/sim/flavour/flavours.ts';
import type { Simulation } from '../../src/sim/simulate.ts';
import type { Vmcore } from '../../src/target/vmcore.ts';
import { triage, type TriageAnswer } from '../../src/triage/triage.ts';
import type { Diagnosis } from '../../src/util/diagnosis.ts';
import { hasProgram, skipWithReason } from '../support/bpftool.ts';
import { realDump, withVmcore } from '../support/real-dumps.ts';
import { runScenario, withRun, writeRun } from '../support/simulated.ts';

/** A stall that a flavour comes to as released, and what triage says first of it. */
interface Stall {
  readonly scenario: string;
  readonly flavour: FlavourName;
  readonly first: Diagnosis;
  readonly ramMiB: number;
}

const DEPLETED: Stall = { scenario: 'reserves-depleted', flavour: '6.1', first: 'D7', ramMiB: 128 };
const STALLS: readonly Stall[] = [
  { scenario: 'nofs-only', flavour: '6.1-kmallocwd', first: 'D2', ramMiB: 64 },
  DEPLETED,
  { scenario: 'overload', flavour: '6.1', first: 'D13', ramMiB: 64 },
  { scenario: 'too-many-isolated', flavour: '4.4', first: 'D1', ramMiB: 256 },
  { scenario: 'oom-victim-mutex', flavour: '4.4', first: 'D3', ramMiB: 64 },
];

/** What the machine does after its dump is of no interest here. */
const JUDGED_BY_SECONDS = 0.1;

describe('triage', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-triage-'));

  after(() => rmSync(folder, { recursive: true }));

  for (const each of STALLS) {
    const { scenario, flavour, first } = each;
    it(`says the same of all RAM and of the kernel's: ${scenario} on ${flavour}`, async () => {
      const path = join(folder, `${scenario}-${flavour}`);
      const answers: Answer[] = [];
      for (const unfiltered of [true, false]) {
        const format = unfiltered ? 'elf' : 'kdump';
        const files = writeRun(run(each, unfiltered), `${path}.${format}`, { format });
        answers.push(await withRun(files, answer));
      }
      const [whole, filtered] = answers as [Answer, Answer];
      assert.ok(filtered.bytesInDump < whole.bytesInDump / 2);
      assert.equal(whole.triage.findings[0]?.diagnosis, first);
      checkSame(filtered, whole);
      // It is certain, or the watchdog's reports show that nothing moves, or no request is overdue.
      assert.doesNotMatch(whole.triage.verdict.missing.join(), /whether the requests progress/);
      checkNamed(whole);
    });
  }

  it('says the same after makedumpfile -d 31', async function () {
    if (!hasProgram('makedumpfile', '-v')) {
      skipWithReason(this, 'makedumpfile is not installed');
      return;
    }
    const path = join(folder, 'whole.elf');
    const files = writeRun(run(DEPLETED, true), path, { format: 'elf' });
    const filtered = join(folder, 'filtered.kdump');
    execFileSync('makedumpfile', ['-d', '31', '-c', path, filtered], { stdio: 'pipe' });
    const whole = await withRun(files, answer);
    assert.equal(whole.triage.findings[0]?.diagnosis, 'D7');
    checkSame(await withRun({ ...files, paths: [filtered] }, answer), whole);
  });

  it('says the same of a real machine before and after makedumpfile -d 31', async function () {
    const whole = await withVmcore(realDump(this, 'k61-press.elf.zst'), answer);
    const filtered = await withVmcore(realDump(this, 'k61-press-d31.kdump'), answer);
    assert.ok(filtered.bytesInDump < whole.bytesInDump);
    assert.match(whole.triage.verdict.since ?? '', /^51 tasks are marked as stalled on memory/);
    checkSame(filtered, whole);
    // 925 pages are above the high watermark (639) and below min, for it is boosted by 512.
    const dma32 = whole.triage.checked.zones?.find(({ name }) => name === 'DMA32');
    assert.deepEqual([dma32?.free, dma32?.min], [925, 939]);
  });
});

function run({ scenario, flavour, ramMiB }: Stall, unfiltered: boolean): Simulation {
  const knobs = { dumpSeconds: 15, ramMiB };
  const options = { seed: 1, kmallocwd: 2, judgedBy: JUDGED_BY_SECONDS, flavour, knobs };
  return runScenario(scenario, { ...options, unfiltered });
}

/** All that one dump says of who stalls and where. */
interface Answer {
  readonly triage: TriageAnswer;
  readonly stacks: BtResult;
  readonly problems: readonly unknown[];
  readonly bytesInDump: number;
}

function answer(vmcore: Vmcore): Answer {
  let bytesInDump = 0;
  for (const { start, end } of vmcore.memory.presentRanges()) bytesInDump += end - start;
  return {
    triage: triage(vmcore),
    stacks: btResult(vmcore, { all: true, fold: true }),
    problems: vmcore.problems.list,
    bytesInDump,
  };
}

/** Whom the first finding names, it shows, unless that is an idle kswapd. */
function checkNamed({ triage: { findings, stacks }, stacks: all }: Answer): void {
  const { sentence = '' } = findings[0] ?? {};
  const named = all.stacks
    .flatMap(({ tasks }) => tasks)
    .filter(({ comm, pid, state }) => sentence.includes(`${comm}(${pid})`) && state !== 'S');
  const shown = new Set(stacks.flatMap(({ tasks }) => tasks.map(({ pid }) => pid)));
  assert.deepEqual(
    named.filter(({ pid }) => !shown.has(pid)),
    [],
    sentence,
  );
}

function checkSame(filtered: Answer, whole: Answer): void {
  assert.deepEqual({ ...filtered, bytesInDump: 0 }, { ...whole, bytesInDump: 0 });
  assert.deepEqual(whole.problems, []);
}
