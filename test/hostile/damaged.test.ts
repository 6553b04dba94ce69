// Damaged dumps, from the file to the exit code: each ends in a clear error or in a partial result
// with its problems; none in a hang, in a stack trace of ours, or in more memory than MEMORY_MAX.

import assert from 'node:assert/strict';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { main } from '../../src/cli/main.ts';
import { CliRunner, type CliOutcome } from '../support/cli-runner.ts';
import type { DamagedCase } from '../support/damage.ts';
import { Specimen } from '../support/specimen.ts';
import { ELF_CASES } from './elf-cases.ts';
import { KDUMP_CASES } from './kdump-cases.ts';
import { BTF_CASES, KALLSYMS_CASES, PAGE_TABLE_CASES } from './kernel-cases.ts';
import { STATE_CASES, TASK_LIST_CASES } from './task-cases.ts';
import { VMCOREINFO_CASES } from './vmcoreinfo-cases.ts';
import { WRAPPER_CASES } from './wrapper-cases.ts';

const MEMORY_MAX_KIB = 512 << 10;

const TABLE: Readonly<Record<string, readonly DamagedCase[]>> = {
  'ELF vmcores': ELF_CASES,
  'kdump files': KDUMP_CASES,
  'wrapped files and raw images': WRAPPER_CASES,
  VMCOREINFO: VMCOREINFO_CASES,
  'page tables': PAGE_TABLE_CASES,
  kallsyms: KALLSYMS_CASES,
  BTF: BTF_CASES,
  'task list and pid IDR': TASK_LIST_CASES,
  'records, run queues and time': STATE_CASES,
};

/** What an exit code means here. */
const ENDS = { 0: 'no harm', 1: 'partial result', 3: 'clear error' } as const;

describe(`${main.name} on damaged dumps`, () => {
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

  async function run({ make, verb, options }: Omit<DamagedCase, 'says'>): Promise<CliOutcome> {
    const made = make(specimen.copy());
    const paths = (Array.isArray(made) ? made : [made]).map((bytes, i) => {
      const path = join(runner.folder, `damaged-${i}`);
      writeFileSync(path, bytes);
      return path;
    });
    return runner.run([verb ?? 'tasks', ...paths, ...(options ?? [])]);
  }

  it('has the sample to damage, which is sound in every container', async () => {
    for (const make of [
      (s: Specimen) => s.elf(),
      (s: Specimen) => s.kdump(),
      (s: Specimen) => s.flattened(),
    ]) {
      const { exitCode, stderr } = await run({ name: 'sound', make, exitCode: 0 });
      assert.deepEqual({ exitCode, stderr }, { exitCode: 0, stderr: '' });
    }
  });

  it('takes more than 150 of them', () => {
    const names = Object.values(TABLE).flatMap((cases) => cases.map(({ name }) => name));
    assert.ok(names.length > 150, `${names.length} cases`);
    assert.equal(new Set(names).size, names.length);
  });

  for (const [about, cases] of Object.entries(TABLE)) {
    describe(about, () => {
      for (const each of cases) {
        it(`${each.name}: ${ENDS[each.exitCode]}`, async () => {
          check(await run(each), each);
        });
      }
    });
  }
});

function check(outcome: CliOutcome, expected: DamagedCase): void {
  const { exitCode, died, stdout, stderr, maxRssKib } = outcome;
  assert.equal(died, undefined, `${died}: ${stderr}`);
  assert.equal(exitCode, expected.exitCode, stdout + stderr);
  // A problem or an error stands at the start of a line; what does no harm shows in the result.
  assert.match(expected.exitCode === 0 ? stdout + stderr : stderr, expected.says);
  assert.doesNotMatch(stderr, /^ +at /m, 'a stack trace of ours');
  if (expected.exitCode !== 0) assert.match(stderr, /^stallcore: ./);
  if (expected.exitCode === 3) assert.equal(stdout, '');
  assert.ok(maxRssKib < MEMORY_MAX_KIB, `${maxRssKib} KiB of memory`);
}
