// Options in front of the verb. yargs learns what a verb's options are from the verb, so that to it
// `--json bt DUMP` is an option with the value `bt`; and which verbs are loaded goes by the first
// word.

/** Those that take a value as a word of its own, which may be called as a verb is. */
const WITH_VALUE = new Set(
  `--tmp --phys-offset --vmlinux --system-map --layout --timeout --level --compression --output -o
  --with --log --reports --type --module --array-max --since --pid --format --flavour --patch --seed
  --ram --cpus --hz --kmallocwd --again --dump-at --remedy`.split(/\s+/),
);

/**
 * The words with the verb in front, where there are only options before it; all else stays in its
 * order. Without a verb the words are as they were.
 */
export function verbFirst(
  argv: readonly string[],
  isVerb: (word: string) => boolean,
): readonly string[] {
  let at = 0;
  for (let word = argv[at]; word?.startsWith('-') === true && word !== '--'; word = argv[at]) {
    at += WITH_VALUE.has(word) ? 2 : 1;
  }
  const verb = argv[at];
  if (at === 0 || verb === undefined || !isVerb(verb)) return argv;
  return [verb, ...argv.slice(0, at), ...argv.slice(at + 1)];
}
