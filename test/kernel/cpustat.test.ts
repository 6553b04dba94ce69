import assert from 'node:assert/strict';
import { readCpuTimes } from '../../src/kernel/cpustat.ts';
import { initialJiffies, readJiffies } from '../../src/kernel/jiffies.ts';
import type { Vmcore } from '../../src/target/vmcore.ts';
import { realDump, withVmcore } from '../support/real-dumps.ts';

/** Times and uptime in seconds. */
function times(vmcore: Vmcore): { cpus: ReturnType<typeof readCpuTimes>; uptime: number } {
  const { jiffies, hz = 1000 } = readJiffies(vmcore);
  const uptimeJiffies = Number(jiffies - initialJiffies(hz));
  return { cpus: readCpuTimes(vmcore, { uptimeJiffies, hz }), uptime: uptimeJiffies / hz };
}

describe('readCpuTimes', () => {
  for (const name of ['k61-press-d31.kdump', 'k2-pair-b.kdump', 'k1-victim-wd10.kdump']) {
    it(`has no CPU busy for longer than the machine ran, of ${name}`, async function () {
      const { cpus, uptime } = await withVmcore(realDump(this, name), times);
      assert.ok(cpus !== undefined && cpus.length > 0);
      for (const { cpu, ...each } of cpus) {
        const busy = Object.values(each).reduce((sum, seconds) => sum + seconds, 0);
        assert.ok(busy > 0.1 && busy <= uptime, `CPU ${cpu}: ${busy} s of ${uptime} s`);
      }
    });
  }

  it('has the same CPU time grow as tasks say that they ran', async function () {
    const [a, b] = await Promise.all(
      ['k2-pair-a.kdump', 'k2-pair-b.kdump'].map((name) =>
        withVmcore(realDump(this, name), (vmcore) => times(vmcore).cpus ?? []),
      ),
    );
    const system = (cpus = a): number => cpus?.reduce((sum, { system: s = 0 }) => sum + s, 0) ?? 0;
    // stime of all tasks, by drgn: 25.4 s in 20 s on two CPUs.
    assert.ok(Math.abs(system(b) - system(a) - 25.4) < 0.5, String(system(b) - system(a)));
  });
});
