import assert from 'node:assert/strict';
import { compareDumps, readDumpState, type CompareResult } from '../../src/triage/compare.ts';
import type { DumpState } from '../../src/triage/compare.ts';
import type { FlavourName } from '../../src/sim/flavour/flavours.ts';
import type { Knobs } from '../../src/sim/simulate.ts';
import { checkPair, comparePair } from '../support/compare-check.ts';
import { realDump, truthFile, withVmcore } from '../support/real-dumps.ts';
import { runScenario } from '../support/simulated.ts';
import { parseTasksTsv, type TruthRow } from '../support/truth.ts';

type Context = Parameters<typeof realDump>[0];

/** What crash read of one task. */
interface CrashTask {
  readonly pid: number;
  readonly memalloc: { readonly sequence: number; readonly valid: number; readonly start: number };
}

function stateOf(context: Context, name: string): Promise<DumpState> {
  return withVmcore(realDump(context, name), (vmcore) => readDumpState(vmcore));
}

function switchesOf(row: TruthRow): number {
  return Number(row.get('nvcsw')) + Number(row.get('nivcsw'));
}

/** The two-dump rule, applied to what crash and drgn read of a task. */
function expectedOf(a: CrashTask['memalloc'], b: CrashTask['memalloc'], rows: TruthRow[]): string {
  const [before, now] = rows as [TruthRow, TruthRow];
  const hasRun = switchesOf(before) !== switchesOf(now);
  const state = now.get('state') ?? '';
  if (a.sequence !== b.sequence || a.valid > 0 !== b.valid > 0) return 'progressing';
  if (a.valid === 0) return hasRun ? 'ran' : state === 'D' ? 'blocked' : 'asleep';
  assert.equal(a.start, b.start);
  return hasRun ? 'livelocked' : state === 'D' ? 'blocked' : 'starved';
}

describe('compareDumps', function () {
  this.timeout(60_000);
  let a: DumpState;
  let b: DumpState;
  let result: CompareResult;

  before(async function () {
    a = await stateOf(this, 'k2-pair-a.kdump');
    b = await stateOf(this, 'k2-pair-b.kdump');
    result = compareDumps(a, b);
  });

  it('says of each task of a real pair what crash and drgn have read of it', function () {
    const truth = ['k2-pair-a', 'k2-pair-b'].map((name) => {
      const json = JSON.parse(truthFile(this, `${name}/memalloc.json`)) as { tasks: CrashTask[] };
      const rows = parseTasksTsv(truthFile(this, `${name}/tasks.tsv`));
      return {
        records: new Map(json.tasks.map(({ pid, memalloc }) => [pid, memalloc])),
        rows: new Map(rows.map((row) => [Number(row.get('pid')), row])),
      };
    });
    const [first, second] = truth as [(typeof truth)[0], (typeof truth)[0]];
    assert.equal(result.tasks.length, second.rows.size);
    for (const { pid = -1, progress, confidence } of result.tasks) {
      const rows = [first.rows.get(pid)!, second.rows.get(pid)!];
      const expected = expectedOf(first.records.get(pid)!, second.records.get(pid)!, rows);
      assert.equal(`${pid} ${progress} ${confidence}`, `${pid} ${expected} certain`);
    }
    const counted = { progressing: 2, livelocked: 15, blocked: 8, ran: 9, asleep: 30 };
    assert.deepEqual(result.counts, counted);
  });

  it('says in a sentence that nobody got on, and what triage says of both', () => {
    const { verdict, elapsed, boot } = result;
    assert.deepEqual(elapsed, { seconds: 20.008, source: 'jiffies', jiffies: 20_008 });
    assert.equal(boot.isSame, true);
    assert.deepEqual([verdict.class, verdict.diagnosis], ['stalled', 'D3']);
    assert.equal(
      verdict.sentence,
      'Stalled: none of 15 requests that were overdue has ended in the 20.0 s between the dumps: ' +
        '15 loop in it (livelock).',
    );
    assert.match(
      verdict.against.join('\n'),
      /2 other tasks got memory: dma32-nowarn\(54\) and atomic/,
    );
  });

  it('tells who has had a lock all the time while the same ones waited for it', () => {
    const [mutex] = result.locks ?? [];
    assert.deepEqual(
      [mutex?.name, mutex?.fate, mutex?.ownerNow],
      ['memalloc_debug_mutex', 'held on', 45],
    );
    assert.deepEqual(mutex?.stillWaiting.toSorted(), [47, 48, 49, 71]);
  });

  it('puts the dumps in their order, and says so', () => {
    const { swapped, ...other } = compareDumps(b, a);
    assert.equal(swapped, true);
    assert.deepEqual(other, result);
  });

  it('concludes nothing from one dump taken for two', () => {
    const { verdict, counts, tasks } = compareDumps(b, b);
    assert.equal(verdict.class, 'same-instant');
    assert.deepEqual(counts, { unknown: tasks.length });
  });

  it('is plain data', () => {
    assert.deepEqual(JSON.parse(JSON.stringify(result)), result);
  });

  it('refuses dumps of two boots of a kernel with the reason', async function () {
    const [press, quiet] = [
      await stateOf(this, 'k61-press-d31.kdump'),
      await stateOf(this, 'k61-quiet-d31-zstd.kdump'),
    ];
    assert.throws(() => compareDumps(press, quiet), /different boots of this kernel: KASLR offset/);
    assert.throws(() => compareDumps(press, a), /different kernels: release/);
  });
});

// The same over 100 seeds is npm run campaign -- --pairs 1-100.

/** A run, and what the pair comes to. */
interface Pair {
  readonly scenario: string;
  readonly seed: number;
  readonly flavour?: FlavourName;
  readonly knobs?: Partial<Knobs>;
  readonly again: number;
  readonly verdict: string;
}

const SMALL = { ramMiB: 64, dumpSeconds: 6 };
const PAIRS: readonly Pair[] = [
  { scenario: 'oom-victim-mutex', seed: 1, knobs: SMALL, again: 3, verdict: 'stalled D3' },
  {
    scenario: 'oom-victim-mutex',
    seed: 1,
    flavour: '4.4',
    knobs: { dumpSeconds: 6 },
    again: 2,
    verdict: 'stalled D3',
  },
  { scenario: 'overload', seed: 1, knobs: { dumpSeconds: 10 }, again: 1, verdict: 'overload D13' },
  {
    scenario: 'oom-lock-starved',
    seed: 2,
    knobs: { dumpSeconds: 10 },
    again: 1,
    verdict: 'stalled D8',
  },
  { scenario: 'memcg-writeback', seed: 1, again: 1, verdict: 'stalled D12' },
  { scenario: 'quiet', seed: 1, knobs: SMALL, again: 1, verdict: 'not-stalled D14' },
];

/** What becomes of the machine after the second dump is of no interest. */
const JUDGED_BY = 0.1;

describe('compareDumps of simulated pairs', function () {
  this.timeout(60_000);

  for (const { scenario, seed, verdict: expected, ...options } of PAIRS) {
    const on = options.flavour === undefined ? '' : ` on ${options.flavour}`;
    it(`says of each task what became of it: ${scenario}, seed ${seed}${on}`, async () => {
      const run = runScenario(scenario, { seed, kmallocwd: 1, judgedBy: JUDGED_BY, ...options });
      const { result, unsureAndWrong } = await checkPair(run);
      assert.deepEqual(unsureAndWrong, []);
      const { class: found, diagnosis } = result.verdict;
      assert.equal(`${found} ${diagnosis}`, expected, result.verdict.sentence);
    });
  }

  it('is certain of nothing that is not so where the kernel keeps no record', async () => {
    const options = { seed: 2, kmallocwd: 0, judgedBy: JUDGED_BY, flavour: '6.1' } as const;
    const knobs = { dumpSeconds: 10 };
    const { result } = await checkPair(runScenario('overload', { ...options, knobs, again: 1 }));
    const sure = result.tasks.filter(
      ({ request, confidence }) => request !== 'none' && confidence === 'certain',
    );
    assert.ok(sure.length > 0);
    assert.match(result.verdict.missing.join(), /since when requests wait/);
  });

  it('concludes nothing where the kernel had stopped the machine before', async () => {
    const options = { seed: 1, kmallocwd: 1, judgedBy: JUDGED_BY, knobs: SMALL, again: 0 };
    const { verdict } = await comparePair(runScenario('quiet', options));
    assert.equal(verdict.class, 'same-instant');
  });
});
