// The table of what is rebuilt without the record, beside the record, on the dumps of kernels that
// keep it: `npx mocha test/real/evidence.real.ts` prints it in Markdown.

import assert from 'node:assert/strict';
import { readMemalloc, type MemallocTask } from '../../src/kernel/memalloc-report.ts';
import type { MemallocTruth } from '../support/memalloc-truth.ts';
import { realDump, truthFile, withVmcore } from '../support/real-dumps.ts';

const DUMPS = ['k1-victim-wd10', 'k2-pair-a', 'k2-pair-b'];

const HEAD = [
  '| dump | task | gfp: record | rebuilt | order: record | rebuilt | from | age | at least |',
  '|---|---|---|---|---|---|---|---|---|',
];

describe('what is rebuilt without the record', function () {
  this.timeout(60_000);
  const lines: string[] = [];

  after(() => {
    if (lines.length > 0) process.stdout.write(`\n${[...HEAD, ...lines].join('\n')}\n`);
  });

  for (const name of DUMPS) {
    it(`is what ${name} has recorded`, async function () {
      const truth = JSON.parse(truthFile(this, `${name}/memalloc.json`)) as MemallocTruth;
      await withVmcore(realDump(this, `${name}.kdump`), (vmcore) => {
        const { tasks } = readMemalloc(vmcore, { evidence: 'always' });
        const byPid = new Map(tasks.map((task) => [task.pid, task]));
        for (const { pid, memalloc } of truth.tasks) {
          const task = byPid.get(pid);
          assert.equal(task?.evidence?.place?.value === 'slow path', memalloc.valid > 0);
          if (task === undefined || memalloc.valid === 0) continue;
          const seconds = (truth.jiffies - memalloc.start) / truth.hz;
          lines.push(row(name, task, { ...memalloc, seconds }));
          assert.equal(Number(task.evidence?.gfpMask?.value), memalloc.gfp);
          assert.equal(task.evidence?.order?.value, memalloc.order);
          assert.ok((task.evidence?.age?.value ?? 0) <= seconds);
        }
      });
    });
  }
});

function row(
  dump: string,
  { pid, comm, evidence }: MemallocTask,
  truth: { readonly gfp: number; readonly order: number; readonly seconds: number },
): string {
  const { gfpMask, order, age } = evidence ?? {};
  const cells = [
    dump,
    `${comm?.replaceAll('|', '\\|')}(${pid})`,
    `0x${truth.gfp.toString(16)}`,
    gfpMask?.value ?? '?',
    String(truth.order),
    String(order?.value ?? '?'),
    gfpMask?.kind === 'recorded' ? 'scan_control' : 'slow path frame',
    `${truth.seconds.toFixed(2)} s`,
    age === undefined ? '?' : `${(Math.floor(age.value * 1000) / 1000).toFixed(3)} s`,
  ];
  return `| ${cells.join(' | ')} |`;
}
