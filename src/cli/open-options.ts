// The options that every verb on a vmcore takes, and opening it with them.

import type { Argv } from 'yargs';
import { openVmcore, type OpenOptions, type Vmcore } from '../target/index.ts';
import { EXIT_DONE, EXIT_PARTIAL } from './exit.ts';
import { VmcoreError } from '../util/errors.ts';
import { Problems } from '../util/problems.ts';
import type { RunState } from './main.ts';
import { printForced, progress, remark, remarkProblems } from './output.ts';
import { refuseStrayWords } from './stray-words.ts';
import { UsageError } from './usage.ts';

/** What {@link withOpenOptions} adds. */
export interface OpenArguments {
  /** The verb, where it was named. */
  _?: (string | number)[];
  vmcore: string[];
  json: boolean;
  tmp: string | undefined;
  'phys-offset': string | undefined;
  vmlinux: string | undefined;
  'system-map': string | undefined;
  layout: string | undefined;
  force: boolean;
}

/** Adds the positional VMCORE and the options about how to open it. */
export function withOpenOptions<T>(cli: Argv<T>): Argv<T & OpenArguments> {
  return cli
    .positional('vmcore', {
      type: 'string',
      array: true,
      default: [],
      describe: 'the vmcore; all parts of a split one, in any order',
    })
    .option('json', { type: 'boolean', default: false, describe: 'print the result as JSON' })
    .option('tmp', {
      type: 'string',
      describe: 'folder for the unpacked copy of a .zst or .gz that cannot be read in place',
    })
    .option('phys-offset', {
      type: 'string',
      describe: 'a raw image starts at this physical address',
    })
    .option('vmlinux', { type: 'string', describe: 'symbols and types from this vmlinux' })
    .option('system-map', { type: 'string', describe: 'symbols from this System.map' })
    .option('layout', {
      type: 'string',
      describe: 'types from this layout file (see structs/)',
    })
    .option('force', {
      type: 'boolean',
      default: false,
      describe: 'take a vmlinux, System.map or layout file although it is of another kernel',
    });
}

/** Opens the vmcore, runs the verb on it, tells what could not be read, closes it. */
export async function onVmcore(
  args: OpenArguments,
  state: RunState,
  run: (vmcore: Vmcore) => void | Promise<void>,
): Promise<void> {
  if (args.vmcore.length === 0) throw new UsageError('expected the name of a vmcore');
  refuseStrayWords(args.vmcore, args._?.[0]?.toString());
  const problems = new Problems();
  const vmcore = await explain(problems, () => open(args, problems));
  try {
    if (!args.json) printForced(problems);
    await explain(problems, () => run(vmcore));
    if (!problems.isEmpty) remarkCut(vmcore);
    if (!args.json) remarkProblems(problems);
    state.exitCode = problems.isEmpty ? EXIT_DONE : EXIT_PARTIAL;
  } finally {
    vmcore.close();
  }
}

/** A file that was not copied whole is the usual reason for all the other problems. */
function remarkCut(vmcore: Vmcore): void {
  const cut = vmcore.describeCut();
  if (cut !== undefined) remark(cut);
}

/** An error often follows from what could not be read before; that is told first. */
async function explain<T>(problems: Problems, step: () => T | Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    if (error instanceof VmcoreError) remarkProblems(problems);
    throw error;
  }
}

function open(args: OpenArguments, problems: Problems): Promise<Vmcore> {
  return openVmcore(args.vmcore, openOptionsOf(args, problems));
}

/** How the command line wants a vmcore opened. @throws UsageError for what is no address */
export function openOptionsOf(args: OpenArguments, problems: Problems): OpenOptions {
  const physOffset = args['phys-offset'];
  const systemMap = args['system-map'];
  return {
    problems,
    ...(args.tmp === undefined ? {} : { tmpDir: args.tmp }),
    ...(physOffset === undefined ? {} : { physOffset: byteCount(physOffset) }),
    ...(args.vmlinux === undefined ? {} : { vmlinux: args.vmlinux }),
    ...(systemMap === undefined ? {} : { systemMap }),
    ...(args.layout === undefined ? {} : { layout: args.layout }),
    ...(args.force ? { force: true } : {}),
    onProgress: progress,
  };
}

function byteCount(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new UsageError(`--phys-offset ${text}: expected a physical address, such as 0x1000000`);
  }
  return value;
}
