import assert from 'node:assert/strict';
import { allocFlagBits } from '../../src/kernel/alloc-flags.ts';
import type { Task } from '../../src/kernel/task.ts';
import { signSources, type ListedTask, type TasksResult } from '../../src/kernel/tasks-result.ts';
import { tasksSummary, tasksTable } from '../../src/report/tasks.ts';

const KSWAPD: Task = { address: '0x1', pid: 40, comm: 'kswapd0', kthread: true, flags: 0x220840 };
const READ = { oomScoreAdj: 0, sigkillPending: false } as const;

function summary(...tasks: Task[]): string[] {
  return tasksSummary(resultOf(...tasks))
    .trimEnd()
    .split('\n');
}

function resultOf(...tasks: ListedTask[]): TasksResult {
  const bits = allocFlagBits([KSWAPD]);
  return {
    type: 'tasks',
    tasks,
    idle: [],
    complete: true,
    crossCheck: { pidCount: tasks.length, pidWalkComplete: true, onlyInList: [], onlyInPids: [] },
    allocFlagBits: bits,
    signSources: signSources(bits),
  };
}

describe('tasksTable', () => {
  it('has for how long at least a task has been without a CPU', () => {
    const offCpu = { value: 23.28, source: 'se.exec_start', kind: 'bound' } as const;
    const { columns, rows } = tasksTable(
      resultOf({ ...KSWAPD, offCpu }, { ...KSWAPD, onCpu: true }, KSWAPD),
    );
    const at = columns.findIndex(({ title }) => title === 'OFF CPU');
    assert.deepEqual(
      rows.map((row) => row[at]),
      ['>=23.2 s', '-', '?'],
    );
  });
});

describe('tasksSummary', () => {
  it('says how many there are, and nothing of signs where none is shown', () => {
    const quiet = { address: '0x2', pid: 2, flags: 0, ...READ };
    assert.deepEqual(summary(quiet), ['1 task, 0 idle tasks; the task list and the pid IDR agree']);
    assert.equal(summary({ address: '0x2', pid: 2, flags: 0x800 }).length, 1);
  });

  it('marks who gets a CPU only where nobody else wants one', () => {
    const batch = { address: '0x2', pid: 2, flags: 0, policy: 5, ...READ };
    assert.equal(summary(batch)[1], 'signs: sched_idle: SCHED_IDLE in task->policy');
    assert.equal(summary({ ...batch, policy: 3 }).length, 1);
  });

  it('names what each sign goes by that is shown', () => {
    const victim = { address: '0x2', pid: 2, flags: 0x40800, oomMm: '0xf00', ...READ };
    assert.equal(
      summary(victim)[1],
      'signs: oom: signal->oom_mm; reclaim: PF_MEMALLOC of task->flags, kswapd aside; ' +
        'nofs: PF_MEMALLOC_NOFS of task->flags; PF_KSWAPD is 0x20000, which all kswapds have',
    );
  });
});
