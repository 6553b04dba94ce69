import assert from 'node:assert/strict';
import { matchTasks, type TaskPair } from '../../../src/triage/compare/match-tasks.ts';
import { taskInDump } from '../../support/task-in-dump.ts';

/** `42 both`, `43 new`, `44 gone reused` */
function words({ before, now, reusedPid }: TaskPair): string {
  const which = before === undefined ? 'new' : now === undefined ? 'gone' : 'both';
  return `${(now ?? before)?.pid} ${which}${reusedPid === true ? ' reused' : ''}`;
}

describe('matchTasks', () => {
  it('matches by pid and start, and tells who came and who went', () => {
    const before = [taskInDump({ pid: 1 }), taskInDump({ pid: 2 })];
    const now = [taskInDump({ pid: 1 }), taskInDump({ pid: 3 })];
    assert.deepEqual(matchTasks(before, now).map(words), ['1 both', '3 new', '2 gone']);
  });

  it('does not take a pid that was given to another task for the same task', () => {
    const before = [taskInDump({ pid: 7, startTimeNs: 1 })];
    const now = [taskInDump({ pid: 7, startTimeNs: 2 })];
    assert.deepEqual(matchTasks(before, now).map(words), ['7 new reused', '7 gone reused']);
  });

  it('goes by the place in memory where a start is not known', () => {
    const { startTimeNs: _start, ...unread } = taskInDump({ pid: 7 });
    assert.deepEqual(matchTasks([unread], [taskInDump({ pid: 7 })]).map(words), ['7 both']);
    const elsewhere = taskInDump({ pid: 7, address: '0xffff888000002000' });
    assert.deepEqual(matchTasks([unread], [elsewhere]).map(words), [
      '7 new reused',
      '7 gone reused',
    ]);
  });
});
