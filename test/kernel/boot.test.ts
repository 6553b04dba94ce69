import assert from 'node:assert/strict';
import { readBoot } from '../../src/kernel/boot.ts';
import { readTasks } from '../../src/kernel/task.ts';
import { realDump, withVmcore } from '../support/real-dumps.ts';
import { runScenario, withImage } from '../support/simulated.ts';

describe('readBoot', () => {
  it('has what two dumps of one real boot have in common', async function () {
    const [a, b] = await Promise.all(
      ['k2-pair-a.kdump', 'k2-pair-b.kdump'].map((name) =>
        withVmcore(realDump(this, name), (vmcore) => readBoot(vmcore, readTasks(vmcore).tasks)),
      ),
    );
    assert.deepEqual(a, b);
    assert.deepEqual(a?.init, { address: '0xffff9d28401a2c00', startTimeNs: 122105902 });
    assert.equal(a?.kaslrOffset, '0x8400000');
    // 2026-11-21 04:05:00, less than a second before the first line of its log.
    assert.equal(a?.bootTimeNs?.slice(0, 10), '1795233900');
    // Nobody had read the file: zeros are no ID.
    assert.equal(a?.bootId, undefined);
  });

  it('has the boot ID that somebody has read', async () => {
    const knobs = { ramMiB: 64, dumpSeconds: 1 };
    const run = runScenario('quiet', { seed: 1, kmallocwd: 1, judgedBy: 0.1, knobs });
    const { bootId, bootTimeNs } = await withImage(run.image, (vmcore) => readBoot(vmcore, []));
    assert.match(bootId ?? '', /^[0-9a-f]{32}$/);
    assert.equal(bootTimeNs, undefined);
  });
});
