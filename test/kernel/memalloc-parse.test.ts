import assert from 'node:assert/strict';
import { consoleLine } from '../../src/kernel/log-lines.ts';
import { MEMALLOC_FORMATS } from '../../src/kernel/memalloc-format.ts';
import { watchdogReport, type WatchedTask } from '../../src/kernel/memalloc-lines.ts';
import { parseWatchdogLine, type MemallocLine } from '../../src/kernel/memalloc-parse.ts';
import type { MemallocRecord } from '../../src/kernel/memalloc.ts';
import { sharedText } from '../support/shared-text.ts';

const REQUEST: MemallocRecord = {
  task: '0x1',
  depth: 1,
  seq: 7,
  torn: false,
  start: '0',
  delay: '1500',
  order: 2,
  mempool: false,
  gfpMask: '0xcc0',
  inherited: false,
  corruptDepth: false,
};

function watched(pid: number, comm: string, more: Partial<WatchedTask>): WatchedTask {
  return {
    task: { address: `0x${pid}`, pid, comm, flags: 0x400840, nvcsw: 5, nivcsw: 2 },
    words: { uninterruptible: false, exiting: false, dying: false, victim: false },
    kswapd: false,
    record: undefined,
    ...more,
  };
}

const WORDS = { uninterruptible: true, exiting: false, dying: true, victim: true };
const CAST: readonly WatchedTask[] = [
  watched(1, 'a (b) c', { record: REQUEST }),
  watched(2, 'x(5) seq=1', { words: WORDS }),
  watched(3, '100%s [k]: x=1', { words: WORDS, record: { ...REQUEST, mempool: true } }),
];

/** A line in the words that its fields would have in the kernel. */
function rendered(line: MemallocLine): string {
  const { comm, pid, flags, switches, seq, gfp, gfpNames, order, mempool, delay } = line;
  const words = (['uninterruptible', 'exiting', 'dying', 'victim'] as const)
    .filter((word) => line[word])
    .map((word) => ` ${word}`);
  const names = gfpNames === undefined ? '' : `(${gfpNames})`;
  return [
    `MemAlloc: ${comm}(${pid})`,
    flags === undefined ? '' : ` flags=0x${flags.toString(16)}`,
    switches === undefined ? '' : ` switches=${switches}`,
    seq === undefined ? '' : ` seq=${seq}`,
    gfp === undefined ? '' : ` gfp=0x${gfp.toString(16)}${names}`,
    gfp === undefined ? '' : ` order=${mempool === true ? 4294967295 : order} delay=${delay}`,
    ...words,
  ].join('');
}

function parseTask(text: string): MemallocLine {
  const parsed = parseWatchdogLine(text);
  assert.ok(parsed?.kind === 'task', text);
  return parsed.task;
}

describe('parseWatchdogLine', () => {
  for (const format of MEMALLOC_FORMATS) {
    it(`reads back every field of every line that ${format.id} prints`, () => {
      const { lines, counts } = watchdogReport(CAST, {
        format,
        timeoutJiffies: 1000n,
        describeGfp: () => 'GFP_KERNEL|__GFP_ZERO',
        oomCount: 45,
        noOomCount: 3,
      });
      assert.ok(lines.length >= 2);
      for (const line of lines) {
        const parsed = parseWatchdogLine(line);
        if (line.startsWith('MemAlloc-Info')) {
          assert.ok(parsed?.kind === 'info', line);
          const printed = Object.keys(parsed.counts) as (keyof typeof counts)[];
          for (const name of printed) assert.equal(parsed.counts[name], counts[name], name);
          assert.equal(line.match(/\d+/g)?.length, Object.keys(parsed.counts).length);
          assert.equal(parsed.opensAndCloses, format.infoTwice);
        } else assert.equal(rendered(parseTask(line)), line);
      }
    });
  }

  for (const [name, least] of [
    ['seeds/000_a34810115ae7e1b8.txt', 29],
    ['seeds/001_de39b2eba4ead202.txt', 31],
    ['reference/stall-forensics.md', 23],
  ] as const) {
    it(`reads the excerpts of ${name} to the last field`, function () {
      let count = 0;
      for (const line of sharedText(this, name).split('\n')) {
        const { timeUs, text } = consoleLine(line);
        const quoted = /`(MemAlloc: [^`$%]*\(\d+\)[^`%…]*order[^`]*)`/.exec(text)?.[1];
        const at = text.indexOf('MemAlloc: ');
        if (quoted === undefined && (timeUs === undefined || at < 0)) continue;
        const own = rendered(parseTask(text));
        const given = quoted ?? text.slice(at);
        assert.equal(given.slice(0, own.length), own);
        // People wrote where the task was behind some.
        assert.match(given.slice(own.length), /^\s*$|^\s{2,}\(/);
        count++;
      }
      assert.ok(count >= least, `${count} lines`);
    });
  }

  it('reads every Info line of the excerpts', function () {
    const lines = sharedText(this, 'reference/stall-forensics.md')
      .split('\n')
      .filter((line) => /^\[ .*MemAlloc-Info/.test(line));
    assert.ok(lines.length >= 10);
    for (const line of lines) {
      const parsed = parseWatchdogLine(line);
      assert.ok(parsed?.kind === 'info', line);
      const numbers = line.slice(line.indexOf('Info')).match(/\d+/g)?.map(Number);
      assert.deepEqual(Object.values(parsed.counts), numbers);
    }
  });

  it('keeps what is whole of a request that its buffer has cut', () => {
    const head = 'MemAlloc: a(9) flags=0x400040 switches=7';
    const line = parseTask(`${head} seq=3 gfp=0x14(GFP_HIGHUSER|__GFP_ZE uninterruptible dying`);
    const { seq, gfp, order, delay, uninterruptible, dying, cut, switches } = line;
    assert.deepEqual([switches, seq, gfp, order, delay], [7, 3, 0x14, undefined, undefined]);
    assert.deepEqual([uninterruptible, dying, cut], [true, true, true]);
    // The number at the end may go on.
    assert.equal(parseTask('MemAlloc: a(9) seq=30').seq, 30);
    assert.equal(parseTask('MemAlloc: a(9) seq=30 gfp=0x1').gfp, undefined);
  });

  it('says which lines are none that a version prints', () => {
    assert.equal(parseWatchdogLine('Mem-Info:'), undefined);
    for (const text of [
      'MemAlloc: $name($pid)',
      'MemAlloc-Info: many',
      'MemAlloc: 12 in-flight.',
    ]) {
      assert.deepEqual(parseWatchdogLine(text), { kind: 'other' });
    }
    const long = `MemAlloc: ${'(1)'.repeat(2000)}`;
    assert.deepEqual(parseWatchdogLine(long), { kind: 'other' });
  });
});
