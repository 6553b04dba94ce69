// "Nothing reads as zero that was not zero": what a filter left out is absent in the results, `?`
// in text, and a problem names it.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { MemallocResult } from '../../src/kernel/memalloc-report.ts';
import type { TaskWords } from '../../src/kernel/memalloc-lines.ts';
import type { Task } from '../../src/kernel/task.ts';
import type { TasksResult } from '../../src/kernel/tasks-result.ts';
import type { Problem } from '../../src/util/problems.ts';
import { CliRunner, type CliOutcome } from '../support/cli-runner.ts';
import { Specimen } from '../support/specimen.ts';

/** A thread that stalls in the sample, and whose task_struct lies across two pages. */
const PID = 288;
/** A thread with SIGKILL pending. */
const DYING = 534;

describe('a page that the filter left out', () => {
  let specimen: Specimen;
  let runner: CliRunner;

  before(async () => {
    specimen = await Specimen.load();
    runner = new CliRunner();
  });
  after(() => {
    runner.stop();
    specimen.close();
  });

  async function run(damaged: Specimen, ...argv: string[]): Promise<CliOutcome> {
    const path = join(runner.folder, 'filtered.kdump');
    writeFileSync(path, damaged.kdump());
    const outcome = await runner.run([...argv, path]);
    assert.equal(outcome.exitCode, 1, outcome.stderr);
    return outcome;
  }

  async function json<T>(damaged: Specimen, verb: string): Promise<T & { problems: Problem[] }> {
    return JSON.parse((await run(damaged, verb, '--json')).stdout) as T & { problems: Problem[] };
  }

  /** The sample without the page that holds a member of the task; its other page is there. */
  function without(path: string, pid = PID): Specimen {
    const damaged = specimen.copy();
    return damaged.exclude(damaged.member('task_struct', damaged.task(pid), path));
  }

  function taskAt<T extends Task>(tasks: readonly T[], pid = PID): T {
    const address = `0x${specimen.task(pid).toString(16)}`;
    const task = tasks.find((each) => each.address === address);
    assert.ok(task, `${address} is not in the list`);
    return task;
  }

  function wordsOf({ tasks }: Pick<MemallocResult, 'tasks'>, pid: number): TaskWords {
    return taskAt(tasks, pid).words;
  }

  it('leaves the members of that page out of the task, and keeps the others', async () => {
    const whole = taskAt((await runWhole()).tasks);
    const { tasks, problems } = await json<TasksResult>(without('comm'), 'tasks');
    const task = taskAt(tasks);
    const lost = Object.keys(whole).filter((key) => !(key in task));
    assert.ok(lost.includes('comm') && lost.includes('pid'), lost.join());
    for (const [key, value] of Object.entries(task)) {
      assert.deepEqual(value, whole[key as keyof Task], key);
    }
    for (const key of ['comm', 'pid', 'nvcsw']) {
      const subject = `task_struct ${task.address}.${key}`;
      const problem = problems.find((each) => each.subject === subject);
      assert.match(problem?.message ?? '', /excluded by the dump filter/, subject);
    }
  });

  it('prints a question mark for each of them', async () => {
    const { stdout } = await run(without('comm'), 'tasks');
    const address = specimen.task(PID).toString(16);
    const cells = stdout
      .split('\n')
      .find((line) => line.includes(address))
      ?.trim()
      .split(/ +/);
    assert.deepEqual(cells?.slice(0, 3), ['?', '?', '?']);
    assert.equal(cells?.at(-1), '?');
  });

  it('leaves out the words that hang on it, and the record', async () => {
    const whole = await json<MemallocResult>(without('comm'), 'memalloc');
    assert.equal(wordsOf(whole, DYING).dying, true);
    const { tasks, problems } = await json<MemallocResult>(without('pending', DYING), 'memalloc');
    assert.equal('dying' in wordsOf({ tasks }, DYING), false);
    const task = taskAt(tasks, DYING);
    assert.equal('record' in task, false);
    assert.ok(problems.some(({ subject }) => subject === `memalloc of task ${task.address}.depth`));
  });

  it('says that nothing is known of the signals of a process without signal_struct', async () => {
    const damaged = specimen.copy();
    const signal = damaged.pointer(damaged.member('task_struct', damaged.task(PID), 'signal'));
    damaged.exclude(damaged.member('signal_struct', signal, 'oom_mm'));
    const { tasks } = await json<TasksResult>(damaged, 'tasks');
    const task = taskAt(tasks);
    assert.equal('oomMm' in task, false);
    assert.equal('sharedSigkillPending' in task, false);
    assert.equal(task.pid, PID);
  });

  it('does not take the missing idle task of a CPU for a CPU that is off', async () => {
    const damaged = specimen.copy();
    damaged.exclude(damaged.perCpu('runqueues', 1));
    const { idle, problems } = await json<TasksResult>(damaged, 'tasks');
    assert.equal(idle.length, 3);
    assert.ok(problems.some(({ subject }) => subject === 'runqueue of CPU 1'));
  });

  async function runWhole(): Promise<TasksResult> {
    const path = join(runner.folder, 'whole.kdump');
    writeFileSync(path, specimen.kdump());
    return JSON.parse((await runner.run(['tasks', '--json', path])).stdout) as TasksResult;
  }
});
