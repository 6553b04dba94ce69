import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { refuseStrayWords } from '../../src/cli/stray-words.ts';

const FILE = fileURLToPath(import.meta.url);

describe('refuseStrayWords', () => {
  const refused: [word: string, verb: string | undefined, message: string][] = [
    ['162', 'bt', '162: no such file; if it is a PID: stallcore bt VMCORE --pid 162'],
    [
      '162',
      undefined,
      '162: no such file; triage takes one vmcore and no tasks; ' +
        'if it is a PID: stallcore tasks VMCORE --pid 162',
    ],
    [
      'ffff888000010000',
      'tasks',
      'ffff888000010000: no such file; if it is the address of a task_struct: ' +
        'stallcore struct VMCORE task_struct.pid 0xffff888000010000 tells its PID',
    ],
    [
      'cron',
      'locks',
      'cron: no such file; locks takes one vmcore and no tasks; ' +
        'if it is a name: stallcore tasks VMCORE --comm cron',
    ],
  ];
  for (const [word, verb, message] of refused) {
    it(`says what to write for ${word} behind the vmcore of ${verb ?? 'triage'}`, () => {
      assert.throws(() => refuseStrayWords([FILE, word], verb), { name: 'UsageError', message });
    });
  }

  it('leaves parts that are there, paths, and a vmcore that is missing to who opens them', () => {
    refuseStrayWords([FILE, FILE, 'part.2', './part'], 'tasks');
    refuseStrayWords(['no-vmcore', '162'], 'tasks');
  });
});
