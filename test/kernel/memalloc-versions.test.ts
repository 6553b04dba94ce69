// What each version of the patch would have printed about the same tasks, byte for byte, and how
// its dump tells the version. The tasks are those of test/support/layout-cast.ts: a timeout of
// 10 s and requests of 2, 6, 10, 12, 14, 16, 20 and 30 s.

import assert from 'node:assert/strict';
import type { MemallocFormatId } from '../../src/kernel/memalloc-format.ts';
import { readMemalloc, type MemallocResult } from '../../src/kernel/memalloc-report.ts';
import { memallocLines, memallocRemarks } from '../../src/report/memalloc.ts';
import type { MachineImage } from '../../src/sim/image/machine.ts';
import type { Vmcore } from '../../src/target/vmcore.ts';
import { PROCESSES, RECORDS } from '../support/layout-cast.ts';
import { HZ, withLayoutMachine, type LayoutMachineOptions } from '../support/layout-machine.ts';

const IN_JIFFIES: readonly MemallocFormatId[] = ['v1', 'v2', 'v3', 'v4'];

function machine(
  version: MemallocFormatId,
  more: Partial<LayoutMachineOptions> = {},
): LayoutMachineOptions {
  const timeout = IN_JIFFIES.includes(version) ? BigInt(10 * HZ) : 10n;
  return { version, timeout, processes: PROCESSES, records: RECORDS, ...more };
}

async function read(options: LayoutMachineOptions): Promise<MemallocResult> {
  return withLayoutMachine(options, (vmcore: Vmcore) => {
    const result = readMemalloc(vmcore);
    assert.deepEqual(vmcore.problems.list, []);
    return result;
  });
}

const PRINTED: Readonly<Record<MemallocFormatId, string>> = {
  v1: `\
MemAlloc-Info: 5 stalling task, 2 dying task, 1 victim task.
MemAlloc: torn(60) gfp=0xcc0 order=0 delay=7500
MemAlloc: nested(53) gfp=0xc40 order=0 delay=5000
MemAlloc: leaving(57) gfp=0xcc0 order=0 delay=4000
MemAlloc: mempool(61) gfp=0xc40 order=4294967295 delay=3500
MemAlloc: thread(52) gfp=0xcc0 order=2 delay=3000
MemAlloc: nested(53) gfp=0xc40 order=0 delay=2500
MemAlloc: dying(55) gfp=0xcc0 order=0 delay=2500
MemAlloc: victim(54) uninterruptible dying victim
MemAlloc: dying(55) dying
`,
  v2: `\
MemAlloc-Info: 6 stalling task, 2 dying task, 1 victim task.
MemAlloc: thread(52) gfp=0xcc0 order=2 delay=3000 uninterruptible
MemAlloc: nested(53) gfp=0xc40 order=0 delay=5000
MemAlloc: victim(54) uninterruptible dying victim
MemAlloc: dying(55) gfp=0xcc0 order=0 delay=2500 dying
MemAlloc: leaving(57) gfp=0xcc0 order=0 delay=4000 uninterruptible
MemAlloc: torn(60) gfp=0xcc0 order=0 delay=7500
MemAlloc: mempool(61) gfp=0xc40 order=4294967295 delay=3500 uninterruptible
`,
  v3: `\
MemAlloc-Info: 5 stalling task, 2 dying task, 1 victim task.
MemAlloc: thread(52) seq=7 gfp=0xcc0 order=2 delay=3000 uninterruptible
MemAlloc: nested(53) seq=8 gfp=0xc40 order=0 delay=5000
MemAlloc: victim(54) uninterruptible dying victim
MemAlloc: dying(55) seq=9 gfp=0xcc0 order=0 delay=2500 dying
MemAlloc: leaving(57) seq=10 gfp=0xcc0 order=0 delay=4000 uninterruptible exiting
MemAlloc: mempool(61) seq=12 gfp=0xc40 order=4294967295 delay=3500 uninterruptible
`,
  v4: `\
MemAlloc-Info: 6 stalling task, 2 dying task, 1 victim task.
MemAlloc: half(51) seq=6 gfp=0xcc0 order=0 delay=1500 uninterruptible
MemAlloc: thread(52) seq=7 gfp=0xcc0 order=2 delay=3000 uninterruptible
MemAlloc: nested(53) seq=8 gfp=0xc40 order=0 delay=5000
MemAlloc: victim(54) uninterruptible dying victim
MemAlloc: dying(55) seq=9 gfp=0xcc0 order=0 delay=2500 dying
MemAlloc: leaving(57) seq=10 gfp=0xcc0 order=0 delay=4000 uninterruptible exiting
MemAlloc: mempool(61) seq=12 gfp=0xc40 order=4294967295 delay=3500 uninterruptible
`,
  '2016-02-09': `\
MemAlloc-Info: 6 stalling task, 2 dying task, 2 exiting task, 1 victim task. oom_count=45896
MemAlloc: half(51) seq=6 gfp=0xcc0(GFP_KERNEL) order=0 delay=1500 uninterruptible
MemAlloc: thread(52) seq=7 gfp=0xcc0(GFP_KERNEL) order=2 delay=3000 uninterruptible
MemAlloc: nested(53) seq=8 gfp=0xc40(GFP_NOFS) order=0 delay=5000
MemAlloc: victim(54) uninterruptible dying victim
MemAlloc: dying(55) seq=9 gfp=0xcc0(GFP_KERNEL) order=0 delay=2500 dying
MemAlloc: exiting(56) uninterruptible exiting
MemAlloc: leaving(57) seq=10 gfp=0xcc0(GFP_KERNEL) order=0 delay=4000 uninterruptible exiting
MemAlloc: mempool(61) seq=12 gfp=0xc40(GFP_NOFS) order=4294967295 delay=3500 uninterruptible
`,
  '2016-02-11': `\
MemAlloc-Info: stalling=6 dying=2 exiting=2, victim=1 oom_count=45896
MemAlloc: half(51) flags=0x400000 seq=6 gfp=0xcc0(GFP_KERNEL) order=0 delay=1500 uninterruptible
MemAlloc: thread(52) flags=0x400000 seq=7 gfp=0xcc0(GFP_KERNEL) order=2 delay=3000 uninterruptible
MemAlloc: nested(53) flags=0x400000 seq=8 gfp=0xc40(GFP_NOFS) order=0 delay=5000
MemAlloc: victim(54) flags=0x400000 uninterruptible dying victim
MemAlloc: dying(55) flags=0x400000 seq=9 gfp=0xcc0(GFP_KERNEL) order=0 delay=2500 dying
MemAlloc: exiting(56) flags=0x400004 uninterruptible exiting
MemAlloc: leaving(57) flags=0x400004 seq=10 gfp=0xcc0(GFP_KERNEL) order=0 delay=4000 \
uninterruptible exiting
MemAlloc: mempool(61) flags=0x400000 seq=12 gfp=0xc40(GFP_NOFS) order=4294967295 delay=3500 \
uninterruptible
`,
  '2016-02-25': withBothCounters('MemAlloc: nested', ''),
  '2016-03-02': withBothCounters('MemAlloc: nested', 'looping inside shrink_inactive_list()'),
  v5: withSwitches('oom_count=45896'),
  v8: withSwitches('oom_count=45896'),
  rfc: rfcLines(''),
  rfc2: rfcLines(' uninterruptible'),
};

/** The counts of v5 and later are those of the drafts but for `torn`, which has no parity there. */
function withSwitches(oomCount: string): string {
  const info = `MemAlloc-Info: stalling=7 dying=2 exiting=2 victim=1 ${oomCount}\n`;
  return `${info}\
MemAlloc: kswapd0(40) flags=0x228040 switches=7 uninterruptible
MemAlloc: half(51) flags=0x400000 switches=7 seq=12 gfp=0xcc0(GFP_KERNEL) order=0 delay=1500 \
uninterruptible
MemAlloc: thread(52) flags=0x400000 switches=7 seq=14 gfp=0xcc0(GFP_KERNEL) order=2 delay=3000 \
uninterruptible
MemAlloc: nested(53) flags=0x400000 switches=7 seq=16 gfp=0xc40(GFP_NOFS) order=0 delay=5000
MemAlloc: victim(54) flags=0x400000 switches=7 uninterruptible dying victim
MemAlloc: dying(55) flags=0x400000 switches=7 seq=18 gfp=0xcc0(GFP_KERNEL) order=0 delay=2500 dying
MemAlloc: exiting(56) flags=0x400004 switches=7 uninterruptible exiting
MemAlloc: leaving(57) flags=0x400004 switches=7 seq=20 gfp=0xcc0(GFP_KERNEL) order=0 delay=4000 \
uninterruptible exiting
MemAlloc: torn(60) flags=0x400000 switches=7 seq=23 gfp=0xcc0(GFP_KERNEL) order=0 delay=7500
MemAlloc: mempool(61) flags=0x400000 switches=7 seq=24 gfp=0xc40(GFP_NOFS) order=4294967295 \
delay=3500 uninterruptible
${info}`;
}

/** The drafts: the sequence counts twice, so `torn` is passed over and the others print half. */
function withBothCounters(before: string, location: string): string {
  const lines = withSwitches('oom_count=45896/3')
    .replaceAll('stalling=7', 'stalling=6')
    .replace(/^MemAlloc: torn.*\n/m, '')
    .replace(/ seq=(\d+)/g, (_, sequence: string) => ` seq=${Number(sequence) / 2}`);
  if (location === '') return lines;
  return lines
    .replace(new RegExp(`^${before}.*\n`, 'm'), (line) => `${line}Call Trace: ${location}\n`)
    .replace(/^MemAlloc: dying.*\n/m, (line) => `${line}Call Trace: waiting for oom_lock\n`);
}

/** Every request in flight, however young, and nothing else. */
function rfcLines(state: string): string {
  return `\
MemAlloc: young(50) flags=0x400000 switches=7 seq=10 gfp=0xcc0(GFP_KERNEL) order=0 delay=500
MemAlloc: half(51) flags=0x400000 switches=7 seq=12 gfp=0xcc0(GFP_KERNEL) order=0 delay=1500${state}
MemAlloc: thread(52) flags=0x400000 switches=7 seq=14 gfp=0xcc0(GFP_KERNEL) order=2 \
delay=3000${state}
MemAlloc: nested(53) flags=0x400000 switches=7 seq=16 gfp=0xc40(GFP_NOFS) order=0 delay=5000
MemAlloc: dying(55) flags=0x400000 switches=7 seq=18 gfp=0xcc0(GFP_KERNEL) order=0 delay=2500
MemAlloc: leaving(57) flags=0x400004 switches=7 seq=20 gfp=0xcc0(GFP_KERNEL) order=0 \
delay=4000${state}
MemAlloc: torn(60) flags=0x400000 switches=7 seq=23 gfp=0xcc0(GFP_KERNEL) order=0 delay=7500
MemAlloc: mempool(61) flags=0x400000 switches=7 seq=24 gfp=0xc40(GFP_NOFS) order=4294967295 \
delay=3500${state}
MemAlloc: underflow(63) flags=0x400000 switches=7 seq=28 gfp=0xcc0(GFP_KERNEL) order=0 delay=250
MemAlloc: too-deep(64) flags=0x400000 switches=7 seq=30 gfp=0xcc0(GFP_KERNEL) order=0 delay=750
`;
}

describe('readMemalloc, every version of the patch', () => {
  for (const version of Object.keys(PRINTED) as MemallocFormatId[]) {
    it(`knows ${version} by its strings and prints what it would have printed`, async () => {
      const result = await read(machine(version));
      assert.equal(result.record?.format, version);
      assert.equal(
        result.record.formatSource,
        'format string in the read-only data of this kernel',
      );
      assert.equal(memallocLines(result), PRINTED[version]);
      assert.deepEqual(memallocRemarks(result), []);
    });
  }
});

describe('readMemalloc, a mask of many names', () => {
  // GFP_HIGHUSER_MOVABLE with __GFP_NOWARN, _NOFAIL, _COMP, _ZERO, _THISNODE, _ACCOUNT, _WRITE.
  const MASK = 0x74bdca;
  const records = { 51: { depth: 1, sequence: 12, age: 12, gfp: MASK } };
  const lineOf = async (version: MemallocFormatId): Promise<string | undefined> => {
    const { record } = await read(machine(version, { records }));
    return record?.lines.find((line) => line.startsWith('MemAlloc: half'));
  };

  it('fills the 128 bytes of 2016-02-09, and the line goes on behind what was cut', async () => {
    const before = 'MemAlloc: half(51)';
    const line = (await lineOf('2016-02-09')) ?? '';
    assert.ok(line.startsWith(`${before} seq=6 gfp=0x74bdca(`), line);
    assert.ok(line.endsWith(' uninterruptible'), line);
    assert.equal(line.length, before.length + 127 + ' uninterruptible'.length);
  });

  for (const version of ['2016-02-11', 'v8', 'rfc2'] as const) {
    it(`is printed whole by ${version}`, async () => {
      assert.match((await lineOf(version)) ?? '', /\) order=0 delay=3000 uninterruptible$/);
    });
  }
});

describe('readMemalloc, kswapd', () => {
  it('is listed inside a transaction of 2016, and other tasks inside of one are not', async () => {
    const PF_FSTRANS = 0x20000;
    const processes = PROCESSES.map((process) => ({
      ...process,
      threads: process.threads.map((thread) => ({
        ...thread,
        flags: thread.comm === 'kswapd0' ? 0xa60840 : thread.flags | PF_FSTRANS,
      })),
    }));
    const { record } = await read(machine('2016-02-25', { processes }));
    const expected = PRINTED['2016-02-25']
      .replaceAll('flags=0x40', 'flags=0x42')
      .replace('flags=0x228040', 'flags=0xa60840');
    assert.equal(record?.lines.map((line) => `${line}\n`).join(''), expected);
  });
});

describe('readMemalloc, a dump without the strings', () => {
  const NEWEST: [strings: MemallocFormatId, newest: MemallocFormatId][] = [
    ['2016-02-25', '2016-02-25'],
    ['2016-02-09', '2016-02-11'],
    ['rfc', 'rfc2'],
  ];
  for (const [version, newest] of NEWEST) {
    it(`takes ${newest} for ${version} and says so`, async () => {
      const result = await read(machine(version, { messages: [] }));
      assert.equal(result.record?.format, newest);
      assert.match(memallocRemarks(result)[0] ?? '', new RegExp(`taken: ${newest}, the newest`));
    });
  }

  it('knows v4 from its drafts by the counters that it does not have', async () => {
    const result = await read(machine('v4', { messages: [] }));
    assert.equal(result.record?.format, 'v4');
    assert.match(result.record.formatSource, /^the only format of layout L4 with the counters/);
    assert.deepEqual(memallocRemarks(result), []);
  });

  it('tells drafts apart by the line of a task where the Info line is lost', async () => {
    const messages = ['\x014MemAlloc: %s(%u) flags=0x%x%s%s%s%s%s\n'];
    const result = await read(machine('2016-02-11', { messages }));
    assert.equal(result.record?.format, '2016-02-11');
  });
});

describe('readMemalloc, the timeout', () => {
  const TIMEOUTS: [version: MemallocFormatId, inMemory: bigint, seconds: number, source: RegExp][] =
    [
      ['v1', BigInt(30 * HZ), 30, /^kmallocwd_timeout$/],
      ['v2', 0n, 10, /^default$/],
      ['2016-02-09', 18n, 18, /^sysctl_memalloc_task_timeout_secs$/],
      ['v8', 15n, 15, /^sysctl_memalloc_task_warning_secs$/],
      ['v5', 0n, 10, /^default$/],
      ['rfc2', 0n, 10, /^default$/],
    ];
  for (const [version, timeout, seconds, source] of TIMEOUTS) {
    it(`of ${version} with ${timeout} in memory is ${seconds} s`, async () => {
      const { record } = await read(machine(version, { timeout }));
      assert.equal(record?.timeoutSeconds?.value, seconds);
      assert.match(record.timeoutSeconds.source, source);
      assert.equal(record.timeoutJiffies, String(seconds * HZ));
    });
  }

  it('counts from half of it on since v4, and wakes at the whole', async () => {
    const halves: [timeoutSeconds: number, stalling: number, overdue: number][] = [
      // Of 6, 10, 12, 14, 16, 20 and 30 s; an odd sequence has no meaning in v8.
      [12, 7, 5],
      [13, 6, 4],
      [60, 1, 0],
    ];
    await withLayoutMachine(machine('v8'), (vmcore) => {
      for (const [timeoutSeconds, stalling, overdue] of halves) {
        const { record, tasks } = readMemalloc(vmcore, { timeoutSeconds });
        const old = tasks.filter((task) => task.record?.overdue === true);
        assert.equal(record?.counts.stalling, stalling, `timeout ${timeoutSeconds}`);
        assert.equal(old.length, overdue, `timeout ${timeoutSeconds}`);
        assert.equal(record.silent, overdue === 0, `timeout ${timeoutSeconds}`);
      }
    });
  });
});

describe('readMemalloc, names of gfp flags', () => {
  /** A kernel without CONFIG that keeps the table, or of before 4.6. */
  const withoutTable = ({ areas, kernel }: MachineImage): void => {
    areas.memory.write(kernel.symbol('gfpflag_names'), new Uint8Array(16));
  };
  const masked = (masks: readonly number[]): LayoutMachineOptions['records'] =>
    Object.fromEntries(masks.map((gfp, i) => [50 + i, { depth: 1, sequence: 2, age: 12, gfp }]));
  const ERAS: [era: string, masks: readonly number[], names: readonly string[]][] = [
    [
      '4.4 to 4.9',
      [0x24201ca, 0x2400240, 0x2400000],
      ['GFP_HIGHUSER_MOVABLE|__GFP_COLD', 'GFP_NOFS|__GFP_NOWARN', 'GFP_NOIO'],
    ],
    ['4.10 to 4.14', [0x14201ca, 0x1400040], ['GFP_HIGHUSER_MOVABLE|__GFP_COLD', 'GFP_NOFS']],
    ['4.18 to 5.0', [0x6200ca, 0x600040], ['GFP_HIGHUSER_MOVABLE', 'GFP_NOFS']],
  ];
  for (const [era, masks, names] of ERAS) {
    it(`takes those of ${era} where the masks are of that era`, async () => {
      const options = { records: masked(masks), enumerators: [], editMemory: withoutTable };
      const { record, tasks } = await read(machine('v5', options));
      assert.match(record?.gfpNamesFrom ?? '', new RegExp(era));
      const found = masks.map((_, i) => tasks.find(({ pid }) => pid === 50 + i)?.record?.gfpNames);
      assert.deepEqual(found, names);
      assert.ok(record?.lines.some((line) => line.includes(`(${names[1]}) order`)));
    });
  }

  it('shows of a request that only woke kswapd that it could not sleep', async () => {
    const { tasks } = await read(machine('v3'));
    const { gfpMask, gfpNames, stalling } = tasks.find(({ pid }) => pid === 62)?.record ?? {};
    assert.deepEqual([gfpMask, gfpNames, stalling], ['0xa20', 'GFP_ATOMIC', false]);
  });

  it('takes the enum of bits where the kernel has one', async () => {
    const { record } = await read(machine('v5', { editMemory: withoutTable }));
    assert.match(record?.gfpNamesFrom ?? '', /___GFP_\*_BIT/);
    assert.ok(record?.lines.some((line) => line.includes('gfp=0xc40(GFP_NOFS)')));
  });

  it('prints bits as printk does bits without a name, where no table fits', async () => {
    // A bit that no era has a name for.
    const options = { records: masked([0x80000cc0]), enumerators: [], editMemory: withoutTable };
    const { record, tasks } = await read(machine('v5', options));
    assert.equal(tasks.find(({ pid }) => pid === 50)?.record?.gfpNames, undefined);
    const written = 'gfp=0x80000cc0(0x80000cc0) order=0';
    assert.ok(record?.lines.some((line) => line.includes(written)));
  });
});
