// Commands that a reader can run, as they stand in a report.

/** What stands for the dump in a command. */
export const DUMP_WORD = 'VMCORE';

/**
 * `[stallcore bt VMCORE 47]` of `bt 47`: the dump comes first, for what follows it may be pids.
 *
 * @param verb a verb of the command line, with its options or pids behind it
 */
export function commandText(verb: string): string {
  const [name, ...rest] = verb.split(' ');
  return `[stallcore ${[name, DUMP_WORD, ...rest].join(' ')}]`;
}
