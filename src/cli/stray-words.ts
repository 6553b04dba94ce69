// Words behind the vmcore that are no files: a PID, an address or a name, which another tool takes
// there. They are told what to write.

import { existsSync } from 'node:fs';
import { UsageError } from './usage.ts';

/** Verbs with options that say which tasks are meant. */
const OF_TASKS = ['tasks', 'bt'];

/**
 * Of the words that a verb takes for parts of a vmcore the first is believed to be one.
 *
 * @param verb undefined for the default verb
 * @throws UsageError for a further one that plainly is none, and no file has its name
 */
export function refuseStrayWords(words: readonly string[], verb: string | undefined): void {
  const [vmcore = ''] = words;
  if (!existsSync(vmcore)) return;
  for (const word of words.slice(1)) {
    const hint = existsSync(word) ? undefined : hintOf(word, verb);
    if (hint !== undefined) throw new UsageError(`${word}: no such file; ${hint}`);
  }
}

function hintOf(word: string, verb = 'triage'): string | undefined {
  const takes = OF_TASKS.includes(verb);
  const asked = `stallcore ${takes ? verb : 'tasks'} VMCORE`;
  const other = takes ? '' : `${verb} takes one vmcore and no tasks; `;
  if (/^\d+(,\d+)*$/.test(word)) return `${other}if it is a PID: ${asked} --pid ${word}`;
  if (/^(0x)?[0-9a-f]{16}$/i.test(word)) {
    const address = word.startsWith('0x') ? word : `0x${word}`;
    return (
      `${other}if it is the address of a task_struct: ` +
      `stallcore struct VMCORE task_struct.pid ${address} tells its PID`
    );
  }
  // What looks like a path is a file that is missing.
  return /^[^./\\]+$/.test(word) ? `${other}if it is a name: ${asked} --comm ${word}` : undefined;
}
