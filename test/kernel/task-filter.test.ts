import assert from 'node:assert/strict';
import { allocFlagBits } from '../../src/kernel/alloc-flags.ts';
import { filterTasks, type TaskFilter } from '../../src/kernel/task-filter.ts';
import type { Task } from '../../src/kernel/task.ts';
import { signSources, type TasksResult } from '../../src/kernel/tasks-result.ts';

function task(pid: number, comm: string, more: Partial<Task> = {}): Task {
  const commHex = Buffer.from(comm).toString('hex');
  return { address: `0x${pid}`, pid, comm, commHex, state: 'S', kthread: false, ...more };
}

const RESULT: TasksResult = {
  type: 'tasks',
  tasks: [
    task(1, 'systemd'),
    task(40, 'kswapd0', { kthread: true, state: 'D' }),
    task(300, 'java', { state: 'D' }),
    task(301, 'systemd-journal', { state: 'R' }),
    { address: '0x9', pid: 302 },
  ],
  idle: [task(0, 'swapper/0', { kthread: true, state: 'R' })],
  complete: true,
  crossCheck: { pidCount: 5, pidWalkComplete: true, onlyInList: [], onlyInPids: [] },
  allocFlagBits: allocFlagBits([]),
  signSources: signSources(allocFlagBits([])),
};

function pids(filter: TaskFilter): (number | undefined)[] {
  const { idle, tasks } = filterTasks(RESULT, filter);
  return [...idle, ...tasks].map(({ pid }) => pid);
}

describe('filterTasks', () => {
  it('keeps the tasks in one of the states', () => {
    assert.deepEqual(pids({ states: 'D' }), [40, 300]);
    assert.deepEqual(pids({ states: 'RD' }), [0, 40, 300, 301]);
  });

  it('keeps the tasks whose name contains one of the texts', () => {
    assert.deepEqual(pids({ comms: ['systemd'] }), [1, 301]);
    assert.deepEqual(pids({ comms: ['jav', 'swap'] }), [0, 40, 300]);
  });

  it('compares a name as far as the kernel keeps it', () => {
    assert.deepEqual(pids({ comms: ['systemd-journald'] }), [301]);
  });

  it('finds a name that is shown escaped by its bytes', () => {
    const umlaut = task(7, 'm\\xc3\\xbcll', { commHex: Buffer.from('müll').toString('hex') });
    const result = { ...RESULT, tasks: [umlaut] };
    assert.equal(filterTasks(result, { comms: ['mü'] }).tasks.length, 1);
    assert.equal(filterTasks(result, { comms: ['\\xc3'] }).tasks.length, 1);
  });

  it('keeps the threads with one of the pids', () => {
    assert.deepEqual(pids({ pids: [302, 1, 7] }), [1, 302]);
  });

  it('keeps kernel threads, or all others', () => {
    assert.deepEqual(pids({ kthread: true }), [0, 40]);
    assert.deepEqual(pids({ kthread: false }), [1, 300, 301]);
  });

  it('keeps what fits all that is asked for', () => {
    assert.deepEqual(pids({ states: 'D', kthread: false }), [300]);
    assert.deepEqual(pids({ states: 'D', comms: ['systemd'] }), []);
  });

  it('counts what it left out, and of what it could not say', () => {
    const { filteredFrom, crossCheck } = filterTasks(RESULT, { states: 'D' });
    assert.deepEqual(filteredFrom, { tasks: 5, idle: 1, undecided: 1 });
    assert.deepEqual(crossCheck, RESULT.crossCheck);
    // That it is none of these is known by its pid.
    const other = filterTasks(RESULT, { states: 'D', pids: [300] }).filteredFrom;
    assert.equal(other?.undecided, 0);
  });
});
