// `stallcore tasks` on every dump that the recipe made, against what the guest's /proc said.

import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readManifest, type Dump } from './recipe/manifest.ts';
import { readTruth, type TrueTask } from './recipe/truth.ts';

const STALLCORE = fileURLToPath(new URL('../../bin/stallcore.js', import.meta.url));
const KTHREADD = 2;

// comm has TASK_COMM_LEN bytes with the NUL; since v5.16 /proc shows a kernel thread's full name.
const COMM_HEX_DIGITS = 2 * 15;

/** The part of a task in `tasks --json` that /proc shows as well. */
interface ShownTask {
  readonly pid?: number;
  readonly tgid?: number;
  readonly ppid?: number;
  readonly commHex?: string;
  readonly state?: string;
}

function toHex(text: string): string {
  return Buffer.from(text, 'latin1').toString('hex');
}

const KWORKER = toHex('kworker/');
const HOG = toHex('hog-');

/** Kernel workers come and go, and hogs are born and killed, after the truth was written. */
function comesAndGoes({ commHex }: ShownTask): boolean {
  return commHex?.startsWith(KWORKER) === true || commHex?.startsWith(HOG) === true;
}

/** Init wrote the truth, so it saw itself running; kernel threads wake up without being asked. */
function hasSteadyState({ pid, ppid }: ShownTask): boolean {
  return pid !== 1 && pid !== KTHREADD && ppid !== KTHREADD;
}

function stallcoreTasks(folder: string, dump: Dump): ShownTask[] {
  const files = [dump.file, ...(dump.parts ?? [])].map((file) => join(folder, file));
  const json = execFileSync(process.execPath, [STALLCORE, 'tasks', '--json', ...files], {
    encoding: 'utf8',
    maxBuffer: 64 << 20,
  });
  return (JSON.parse(json) as { tasks: ShownTask[] }).tasks;
}

/** One line a task, of what must be the same. */
function comparable(tasks: readonly ShownTask[]): string[] {
  return tasks
    .filter((task) => !comesAndGoes(task))
    .sort((a, b) => (a.pid ?? 0) - (b.pid ?? 0))
    .map((task) => {
      const { pid, tgid, ppid } = task;
      const state = hasSteadyState(task) ? task.state : '-';
      return [pid, tgid, ppid, state, task.commHex?.slice(0, COMM_HEX_DIGITS)].join(' ');
    });
}

function checkTasks(shown: readonly ShownTask[], truth: readonly TrueTask[]): void {
  assert.deepEqual(comparable(shown), comparable(truth));
  const pids = new Set(shown.map(({ pid }) => pid));
  assert.equal(pids.size, shown.length, 'a pid is listed twice');
  // Workers end when they idle for minutes: of the few that there are, most are still there.
  const workers = truth.filter(({ commHex }) => commHex.startsWith(KWORKER));
  const kept = workers.filter(({ pid }) => pids.has(pid));
  assert.ok(kept.length * 2 > workers.length, `${kept.length} of ${workers.length} kworkers`);
}

const folder = process.env.STALLCORE_REAL_DIR ?? '';
const manifest = readManifest(folder);

describe('stallcore tasks on the dumps of the recipe', () => {
  it('has dumps to look at', () => {
    assert.ok(manifest, 'npm run real makes the dumps; STALLCORE_REAL_DIR names their folder');
    assert.ok(manifest.dumps.length >= 10, `only ${manifest.dumps.length} dumps`);
  });

  for (const dump of manifest?.dumps ?? []) {
    it(`shows every task of ${dump.file} as /proc did`, () => {
      const truth = readTruth(readFileSync(join(folder, `${dump.machine}.console`), 'latin1'));
      assert.ok(truth.length >= (dump.machine === 'threads' ? 5000 : 70));
      checkTasks(stallcoreTasks(folder, dump), truth);
    });
  }
});
