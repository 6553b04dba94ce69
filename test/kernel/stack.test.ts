import assert from 'node:assert/strict';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { StackReader, type TaskStack } from '../../src/kernel/stack.ts';
import { readTasks } from '../../src/kernel/task.ts';
import type { Vmcore } from '../../src/target/index.ts';
import { realDump, truthFile, withVmcore } from '../support/real-dumps.ts';
import { runScenario, withRun, writeRun } from '../support/simulated.ts';
import { parseTruthStacks, type TruthFrame } from '../support/truth-stacks.ts';

/** A dump, its truth, and how many stacks and frames are held against it. */
const REAL: readonly [dump: string, truth: string, stacks: number, frames: number][] = [
  ['k61-press-d31.kdump', 'k61-press', 282, 2516],
  ['k61-quiet-d31-zstd.kdump', 'k61-quiet', 173, 1184],
  ['k1-victim-wd10.kdump', 'k1-victim-wd10', 63, 489],
  ['k2-pair-a.kdump', 'k2-pair-a', 64, 515],
  ['k2-pair-b.kdump', 'k2-pair-b', 64, 512],
];

describe('StackReader', function () {
  this.timeout(60_000);
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-stack-'));

  after(() => rmSync(folder, { recursive: true }));

  for (const [dump, truth, stackCount, frameCount] of REAL) {
    it(`finds the frames that drgn finds with DWARF: ${dump}`, async function () {
      const path = realDump(this, dump);
      const expected = parseTruthStacks(truthFile(this, `${truth}/stacks.txt`));
      await withVmcore(path, (vmcore) => {
        const stacks = stacksByPid(vmcore);
        let frames = 0;
        for (const [pid, stack] of stacks) {
          const truths = expected.get(pid) ?? [];
          frames += checkFrames(stack, truths, `pid ${pid}`);
        }
        assert.deepEqual([stacks.size, frames], [stackCount, frameCount]);
      });
    });
  }

  for (const flavour of ['6.1', '4.4'] as const) {
    it(`finds the calls on the simulated ${flavour}, or where a task begins`, async () => {
      const run = runScenario('exiting-task', { flavour, seed: 1, kmallocwd: 2 });
      const files = writeRun(run, join(folder, flavour), { format: 'elf' });
      await withRun(files, (vmcore) => {
        const stacks = stacksByPid(vmcore);
        for (const { pid, functions, comm } of run.ledger.tasks) {
          const frames = stacks.get(pid)?.frames ?? [];
          assert.deepEqual(
            frames.map(({ name, guessed }) => `${name}${guessed === true ? '?' : ''}`),
            functions,
            `${comm}(${pid})`,
          );
        }
      });
    });
  }
});

function stacksByPid(vmcore: Vmcore): Map<number, TaskStack | undefined> {
  const reader = new StackReader(vmcore);
  const { tasks } = readTasks(vmcore);
  return new Map(tasks.map((task) => [task.pid ?? -1, reader.read(task)]));
}

/** @returns how many frames there were */
function checkFrames(
  stack: TaskStack | undefined,
  truths: readonly TruthFrame[],
  about: string,
): number {
  const frames = stack?.frames ?? [];
  assert.deepEqual(
    frames.map(({ pc }) => pc),
    truths.map(({ pc }) => `0x${pc.toString(16)}`),
    about,
  );
  for (const [i, { name }] of truths.entries()) {
    // drgn had no symbols for the fuse module.
    if (!name.startsWith('0x')) assert.equal(sameName(frames[i]?.name), name, about);
  }
  return frames.length;
}

/** A clone is its function, and two symbols have the entry of system calls. */
function sameName(name: string | undefined): string | undefined {
  const plain = name?.replace(/\.(isra|constprop|cold|part)(\.\d+)?/g, '');
  return plain === 'entry_SYSCALL_64_after_hwframe' ? 'entry_SYSCALL_64' : plain;
}
