import assert from 'node:assert/strict';
import { compareTask } from '../../../src/triage/compare/task-comparison.ts';
import type { TaskPair } from '../../../src/triage/compare/match-tasks.ts';
import { taskInDump } from '../../support/task-in-dump.ts';

const INTERVAL = { seconds: 20 };
const WHOLE = { before: true, now: true };

function check(pair: TaskPair, expected: string, isWhole = WHOLE): void {
  const { progress, request, because } = compareTask(pair, INTERVAL, isWhole);
  assert.equal(`${progress} ${request}: ${because}`, expected);
}

describe('compareTask', () => {
  const task = taskInDump();

  it('says of a task of one dump that it has gone, or is new', () => {
    check({ before: task }, 'gone ended: it is not in the second dump');
    check({ now: task }, 'new none: it is not in the first dump');
    check(
      { before: task, reusedPid: true },
      'gone ended: it is not in the second dump, where another task has its pid',
    );
  });

  it('does not take a task for gone that a torn task list may just not lead to', () => {
    const torn = { before: false, now: false };
    const because = 'whose task list could not be read whole';
    check({ before: task }, `unknown unknown: it is not in the second dump, ${because}`, torn);
    check({ now: task }, `unknown unknown: it is not in the first dump, ${because}`, torn);
    const { progress } = compareTask({ before: task, reusedPid: true }, INTERVAL, torn);
    assert.equal(progress, 'gone');
  });

  it('says whether the stack is the same where both are known', () => {
    const [a, b] = ['x', 'y'].map((whole) => taskInDump({ stack: { whole } }));
    const same = (before = a, now = a): boolean | undefined =>
      compareTask({ before: before!, now: now! }, INTERVAL, WHOLE).isSameStack;
    assert.deepEqual([same(), same(a, b), same(a, task)], [true, false, undefined]);
  });
});
