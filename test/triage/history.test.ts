import assert from 'node:assert/strict';
import { readHistory } from '../../src/triage/history.ts';
import { realDump, withVmcore } from '../support/real-dumps.ts';

describe('readHistory', () => {
  it('has reports and kills of a real log, the dump after all of them', async function () {
    const { records, fromUs, nowUs, timeline } = await withVmcore(
      realDump(this, 'k2-pair-b.kdump'),
      readHistory,
    );
    assert.equal(fromUs, 0);
    assert.ok(records > 1000);
    assert.equal(timeline.reports.length, 4);
    const kill = timeline.events.find(({ kind }) => kind === 'oom-kill');
    assert.deepEqual([kill?.comm, kill?.pid], ['victim', 47]);
    const last = timeline.reports.at(-1)?.timeUs;
    assert.ok(last !== undefined && nowUs !== undefined && nowUs > last);
  });

  it('passes over what user space wrote into the log', async function () {
    const lines = await withVmcore(realDump(this, 'k61-quiet-d31-zstd.kdump'), (vmcore) => {
      const { records, timeline } = readHistory(vmcore);
      return { records, lineCount: timeline.lineCount };
    });
    assert.ok(lines.records > 0 && lines.lineCount >= lines.records);
  });
});
