// What is rebuilt without the record, held against the record on the dumps of kernels that keep it.
// `npx mocha test/real/evidence.real.ts` prints a table of all requests, and one of each dump that
// the README has, both in Markdown.

import assert from 'node:assert/strict';
import { readMemalloc, type MemallocTask } from '../../src/kernel/memalloc-report.ts';
import type { MemallocTruth } from '../support/memalloc-truth.ts';
import { realDump, truthFile, withVmcore } from '../support/real-dumps.ts';

const DUMPS = ['k1-victim-wd10', 'k2-pair-a', 'k2-pair-b'];

const DUMP_HEAD = [
  '| dump | recorded | found by stacks | gfp and order, from | equal | least age known | holds |',
  '|---|---|---|---|---|---|---|',
];

const HEAD = [
  '| dump | task | gfp: record | rebuilt | order: record | rebuilt | from | age | at least |',
  '|---|---|---|---|---|---|---|---|---|',
];

describe('what is rebuilt without the record', function () {
  this.timeout(180_000);
  const lines: string[] = [];
  const summary: string[] = [];

  after(() => {
    if (lines.length === 0) return;
    const all = [...HEAD, ...lines, '', ...DUMP_HEAD, ...summary];
    process.stdout.write(`\n${all.join('\n')}\n`);
  });

  for (const name of DUMPS) {
    it(`is what ${name} has recorded`, async function () {
      const truth = JSON.parse(truthFile(this, `${name}/memalloc.json`)) as MemallocTruth;
      await withVmcore(realDump(this, `${name}.kdump`), (vmcore) => {
        const { tasks } = readMemalloc(vmcore, { evidence: 'always' });
        const recorded = new Map(truth.tasks.map((task) => [task.pid, task.memalloc]));
        const requests: Request[] = [];
        for (const task of tasks) {
          const record = recorded.get(task.pid ?? -1);
          assert.equal(isFound(task), record !== undefined && record.valid > 0, task.comm);
          if (record === undefined || record.valid === 0) continue;
          requests.push({ task, record, seconds: (truth.jiffies - record.start) / truth.hz });
        }
        const inFlight = truth.tasks.filter(({ memalloc }) => memalloc.valid > 0);
        assert.equal(requests.length, inFlight.length);
        lines.push(...requests.map((request) => row(name, request)));
        summary.push(...dumpRows(name, inFlight.length, requests));
        for (const { task, record, seconds } of requests) {
          const { gfpMask, order, age } = task.evidence ?? {};
          assert.equal(Number(gfpMask?.value), record.gfp, task.comm);
          assert.equal(order?.value, record.order, task.comm);
          assert.ok((age?.value ?? 0) <= seconds, task.comm);
        }
      });
    });
  }
});

/** A request that the kernel has recorded, and the task as it was rebuilt. */
interface Request {
  readonly task: MemallocTask;
  readonly record: MemallocTruth['tasks'][number]['memalloc'];
  /** How old it is by the record. */
  readonly seconds: number;
}

function isFound({ evidence }: MemallocTask): boolean {
  return evidence?.place?.value === 'slow path';
}

/** Which kind of place, whoever owns it and however many others have it there. */
function originOf({ task: { evidence } }: Request): string {
  const { gfpMask } = evidence ?? {};
  return gfpMask === undefined
    ? 'nowhere'
    : gfpMask.source.replace(/^(\w+_control) of .*|, where .*/, '$1');
}

/** A row for each place that masks and orders were found at. */
function dumpRows(dump: string, recorded: number, requests: readonly Request[]): string[] {
  const origins = [...new Set(requests.map(originOf))].sort();
  return origins.map((origin, index) => {
    const from = requests.filter((request) => originOf(request) === origin);
    const equal = from.filter(
      ({ task, record }) =>
        Number(task.evidence?.gfpMask?.value) === record.gfp &&
        task.evidence?.order?.value === record.order,
    );
    const aged = from.filter(({ task }) => task.evidence?.age !== undefined);
    const holds = aged.filter(({ task, seconds }) => task.evidence!.age!.value <= seconds);
    const all = index === 0 ? [dump, `${recorded}`, `${requests.length}`] : ['', '', ''];
    const cells = [...all, origin, `${equal.length} of ${from.length}`, `${aged.length}`];
    return `| ${[...cells, `${holds.length} of ${aged.length}`].join(' | ')} |`;
  });
}

function row(dump: string, request: Request): string {
  const { task, record, seconds } = request;
  const { gfpMask, order, age } = task.evidence ?? {};
  const cells = [
    dump,
    `${task.comm?.replaceAll('|', '\\|')}(${task.pid})`,
    `0x${record.gfp.toString(16)}`,
    gfpMask?.value ?? '?',
    String(record.order),
    String(order?.value ?? '?'),
    originOf(request),
    `${seconds.toFixed(2)} s`,
    age === undefined ? '?' : `${(Math.floor(age.value * 1000) / 1000).toFixed(3)} s`,
  ];
  return `| ${cells.join(' | ')} |`;
}
