import assert from 'node:assert/strict';
import { logResult } from '../../src/kernel/log.ts';
import { realDump, withVmcore } from '../support/real-dumps.ts';

const PAIR = 'k2-pair-b.kdump';

describe('logResult', () => {
  it('keeps the levels that are asked for, and counts what it leaves out', async function () {
    await withVmcore(realDump(this, PAIR), (vmcore) => {
      const all = logResult(vmcore);
      const some = logResult(vmcore, { levels: [0, 1, 2, 3] });
      assert.ok(some.records.length > 0 && some.records.every(({ level }) => level! <= 3));
      assert.equal(some.records.length + some.leftOut, all.records.length);
    });
  });

  it('keeps what is from a time on, or so long before the newest', async function () {
    await withVmcore(realDump(this, PAIR), (vmcore) => {
      const newest = logResult(vmcore).records.at(-1)?.timeUs ?? 0;
      const last = logResult(vmcore, { sinceUs: -1_000_000 });
      assert.equal(last.records[0]?.timeUs, 50_234_095);
      assert.deepEqual(logResult(vmcore, { sinceUs: newest - 1_000_000 }).records, last.records);
    });
  });

  it('takes records from a time of day on', async function () {
    await withVmcore(realDump(this, PAIR), (vmcore) => {
      const { records, wallClockOffsetUs } = logResult(vmcore);
      const last = records.at(-1)?.timeUs;
      assert.ok(last !== undefined && wallClockOffsetUs !== undefined);
      const since = logResult(vmcore, { sinceWallUs: wallClockOffsetUs + last });
      assert.deepEqual(
        since.records,
        records.filter(({ timeUs = 0 }) => timeUs >= last),
      );
      const all = logResult(vmcore, { sinceWallUs: wallClockOffsetUs - 1e6 });
      assert.equal(all.records.length, records.length);
    });
  });

  it('knows the time of day', async function () {
    await withVmcore(realDump(this, PAIR), (vmcore) => {
      const { wallClockOffsetUs } = logResult(vmcore);
      assert.equal(new Date(wallClockOffsetUs! / 1000).toISOString().slice(0, 10), '2026-11-21');
    });
  });
});
