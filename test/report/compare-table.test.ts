import assert from 'node:assert/strict';
import { compareTable } from '../../src/report/compare-table.ts';
import { columnText, fitTable } from '../../src/report/table.ts';
import { compareDumps, type CompareResult } from '../../src/triage/compare.ts';
import type { TaskInDump } from '../../src/triage/compare/dump-state.ts';
import { dumpState, recorded, taskInDump } from '../support/task-in-dump.ts';

type Sides = readonly [before: Partial<TaskInDump> | null, now: Partial<TaskInDump> | null];

/** Tasks 1, 2 …; null where a task is not there. */
function compared(...all: Sides[]): CompareResult {
  const side = (which: 0 | 1): TaskInDump[] =>
    all.flatMap((sides, at) => {
      const fields = sides[which];
      return fields === null ? [] : [taskInDump({ pid: at + 1, comm: `t${at + 1}`, ...fields })];
    });
  return compareDumps(dumpState(100, side(0)), dumpState(120, side(1)));
}

function rows(result: CompareResult, all = false): string[] {
  return columnText(compareTable(result, all).table).trimEnd().split('\n').slice(1);
}

const ASKS = { request: recorded(5, { ageSeconds: 3, isOverdue: true }), state: 'D', at: 'f' };

describe('compareTable', () => {
  it('shows what became of a request, of switches, of CPU time and of the state', () => {
    const now = { ...ASKS, request: recorded(5, { ageSeconds: 23 }), switches: 15, execNs: 2e9 };
    assert.deepEqual(rows(compared([ASKS, { ...now, state: 'R' }])), [
      't1(1)  livelocked  seq 5 =  23.0 s        +5  +2.000 s  D>R  f',
    ]);
    const other = { ...now, request: recorded(9, { ageSeconds: 1 }) };
    assert.match(rows(compared([ASKS, other]))[0] ?? '', /progressing {2}seq 5 to 9 +1\.0 s/);
    assert.match(rows(compared([ASKS, {}]))[0] ?? '', /progressing {2}seq 5, ended +3\.0 s/);
  });

  it('shows the lock that a task waits for, and whether its stack is the same', () => {
    const stack = { whole: 'a' };
    const waitsFor = { lock: 'mutex 0x1', holders: [2], isCertain: true };
    const [row] = rows(
      compared([
        { ...ASKS, stack },
        { ...ASKS, stack, waitsFor },
      ]),
    );
    assert.match(row ?? '', /blocked .* = {2}D {3}= mutex 0x1$/);
  });

  it('puts those first who stand still, and leaves out who asks for nothing and got on', () => {
    const result = compared(
      [{}, { switches: 20 }],
      [ASKS, { ...ASKS, switches: 20 }],
      [null, {}],
      [ASKS, ASKS],
      [{ isVictim: true }, { isVictim: true, switches: 20 }],
    );
    const names = (lines: string[]): string[] => lines.map((line) => line.split(' ')[0] ?? '');
    assert.deepEqual(names(rows(result)), ['t4(4)', 't2(2)', 't3(3)', 't5(5)']);
    assert.deepEqual(names(rows(result, true)), ['t4(4)', 't2(2)', 't3(3)', 't5(5)', 't1(1)']);
  });

  it('has a screen of tasks, says how many it leaves out, and all where they are asked for', () => {
    const result = compared(...Array.from({ length: 40 }, (): Sides => [ASKS, ASKS]));
    const { table, leftOut } = compareTable(result);
    assert.equal(table.rows.length + leftOut, 40);
    assert.ok(table.rows.length <= 20);
    assert.equal(compareTable(result, true).leftOut, 0);
    const fitted = columnText(fitTable(table, 100));
    assert.ok(fitted.split('\n').every((line) => line.length <= 100));
  });
});
