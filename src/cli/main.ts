// The command line: parses it, runs one verb, turns what happened into an exit code.
//
//     0 done; 1 done, but parts of the dump could not be read; 2 wrong usage;
//     3 no vmcore that can be opened; 70 a bug in stallcore

import yargs, { type Argv } from 'yargs';
import { errorChain, VmcoreError } from '../util/errors.ts';
import { EXIT_BUG, EXIT_DONE, EXIT_PARTIAL, EXIT_UNREADABLE, EXIT_USAGE } from './exit.ts';
import { nearestName } from './near-name.ts';
import { NotKeptError } from './not-kept-error.ts';
import { BrokenPipe, remark } from './output.ts';
import { ScriptError } from './script-error.ts';
import { UsageError } from './usage.ts';
import { verbFirst } from './verb-first.ts';
import { packageVersion } from './version.ts';

/**
 * Runs the command line.
 *
 * @param given the arguments after the program's name
 * @param importModule imports a user's script; code that was kept compiled cannot do so itself
 * @returns the exit code
 */
export async function main(
  given: readonly string[],
  importModule: ImportModule = (url) => import(url),
): Promise<number> {
  const argv = verbFirst(given, (word) => Object.hasOwn(VERB_LOADERS, word));
  const { words, scriptArgs } = apart(argv);
  const state = { exitCode: EXIT_DONE, scriptArgs, importModule };
  try {
    if (argv[0] === 'completion') {
      // yargs would print the script and go on to triage a file of that name.
      parser([], await loadVerbs([]), state).showCompletionScript();
      return EXIT_DONE;
    }
    await parser(words, await loadVerbs(words), state).parseAsync();
    return state.exitCode;
  } catch (error) {
    return exitCodeOf(error, argv[0]);
  }
}

/** Where a verb leaves its exit code. */
export interface RunState {
  exitCode: number;
  /** What a user's script gets. */
  readonly scriptArgs: readonly string[];
  readonly importModule: ImportModule;
}

/** `import()`: gives what the module of that URL exports. */
export type ImportModule = (url: string) => Promise<unknown>;

/** Behind `--` of the verb run everything is the script's; yargs would look for options there. */
function apart(argv: readonly string[]): { words: readonly string[]; scriptArgs: string[] } {
  const end = argv.indexOf('--');
  const verb = argv.find((word) => !word.startsWith('-'));
  if (end < 0 || verb !== 'run') return { words: argv, scriptArgs: [] };
  return { words: argv.slice(0, end), scriptArgs: argv.slice(end + 1) };
}

/**
 * What is needed of the verbs: that which the line begins with, so that a short verb does not wait
 * for the code of all others to be read; else all of them, for a help text, a guess at what was
 * meant, the default verb.
 */
function loadVerbs([first = '']: readonly string[]): Promise<AddVerb[]> {
  const asked = Object.hasOwn(VERB_LOADERS, first) ? VERB_LOADERS[first] : undefined;
  const loaders = asked === undefined ? Object.values(VERB_LOADERS) : [asked];
  return Promise.all(loaders.map((load) => load()));
}

function parser(
  argv: readonly string[],
  adders: readonly AddVerb[],
  state: RunState,
): ReturnType<typeof yargs> {
  const cli = yargs([...argv])
    .scriptName('stallcore')
    .usage(
      '$0 [VERB] VMCORE…\n\nSays whether a dumped machine was stuck inside the memory allocator.',
    )
    // A misspelt option is named once, and --no-x is no way to say x.
    .parserConfiguration({ 'boolean-negation': false, 'camel-case-expansion': false })
    .strict()
    .recommendCommands()
    .wrap(100)
    .completion('completion', 'print a completion script for the shell')
    .version(packageVersion())
    .help()
    .alias('h', 'help')
    .exitProcess(false)
    .fail((message, error) => {
      throw error instanceof Error ? error : new UsageError(message);
    });
  keepHelpForLater(cli);
  for (const add of adders) add(cli, state);
  return cli;
}

/**
 * Before yargs runs a verb it lays out the help text, in case the verb should ask for it after its
 * parser was reset. None does, and it takes a tenth of the time of a whole `stallcore tasks`.
 */
function keepHelpForLater(cli: ReturnType<typeof yargs>): void {
  const { getInternalMethods } = cli as unknown as {
    getInternalMethods?: () => { getUsageInstance(): { cacheHelpMessage?: () => void } };
  };
  const usage = getInternalMethods?.call(cli).getUsageInstance();
  if (usage !== undefined) usage.cacheHelpMessage = (): void => undefined;
}

/** @param word the first on the line, which may be a verb */
function exitCodeOf(error: unknown, word = ''): number {
  if (error instanceof BrokenPipe) return EXIT_DONE;
  if (error instanceof UsageError || isYargsError(error)) {
    const verb = VERBS.includes(word) ? `${word} ` : '';
    remark(`${(error as Error).message}\ntry: stallcore ${verb}--help`);
    return EXIT_USAGE;
  }
  if (error instanceof ScriptError || error instanceof NotKeptError) {
    remark(error.message);
    return EXIT_PARTIAL;
  }
  if (error instanceof VmcoreError) {
    remark(errorChain(error));
    return EXIT_UNREADABLE;
  }
  if (isSystemError(error)) return tellSystemError(error);
  remark(
    `bug in stallcore: ${error instanceof Error ? (error.stack ?? error.message) : String(error)}`,
  );
  return EXIT_BUG;
}

function isYargsError(error: unknown): boolean {
  return error instanceof Error && error.name === 'YError';
}

/** ENOENT, EACCES, ENOSPC and the like from the operating system. */
function isSystemError(error: unknown): error is NodeJS.ErrnoException {
  return error instanceof Error && 'syscall' in error;
}

/** A name without a path may be a mistyped verb: triage, the default, takes it for a file. */
function tellSystemError(error: NodeJS.ErrnoException): number {
  const { code, path } = error;
  if (code !== 'ENOENT' || path === undefined) {
    remark(error.message);
    return EXIT_UNREADABLE;
  }
  const isWord = /^[a-z]+$/.test(path);
  const verb = isWord ? nearestName(VERBS, path) : undefined;
  const hint =
    verb !== undefined
      ? `; did you mean the verb ${verb}?`
      : isWord
        ? ', and no verb of that name (try: stallcore --help)'
        : '';
  remark(`${path}: no such file${hint}`);
  return verb === undefined ? EXIT_UNREADABLE : EXIT_USAGE;
}

/** Adds a verb to the command line. */
type AddVerb = (cli: Argv, state: RunState) => void;

/**
 * The verbs in the order of the help text; each is run when it is asked for: a short one does not
 * wait for the others' code.
 */
const VERB_LOADERS: Readonly<Record<string, () => Promise<AddVerb>>> = {
  triage: async () => (await import('./commands/triage.ts')).addTriage,
  memalloc: async () => (await import('./commands/memalloc.ts')).addMemalloc,
  tasks: async () => (await import('./commands/tasks.ts')).addTasks,
  bt: async () => (await import('./commands/bt.ts')).addBt,
  locks: async () => (await import('./commands/locks.ts')).addLocks,
  log: async () => (await import('./commands/log.ts')).addLog,
  mem: async () => (await import('./commands/mem.ts')).addMem,
  compare: async () => (await import('./commands/compare.ts')).addCompare,
  pack: async () => (await import('./commands/pack.ts')).addPack,
  info: async () => (await import('./commands/info.ts')).addInfo,
  struct: async () => (await import('./commands/struct.ts')).addStruct,
  symbols: async () => (await import('./commands/symbols.ts')).addSymbols,
  structs: async () => (await import('./commands/structs.ts')).addStructs,
  run: async () => (await import('./commands/run.ts')).addRun,
  simulate: async () => (await import('./commands/simulate.ts')).addSimulate,
};

const VERBS = [...Object.keys(VERB_LOADERS), 'completion'];
