// stallcore compare: two dumps of one boot beside each other.

import type { Argv } from 'yargs';
import { readBoot } from '../../kernel/boot.ts';
import { recordLines } from '../../kernel/log-lines.ts';
import { memallocTimeline, type MemallocTimeline } from '../../kernel/memalloc-timeline.ts';
import { readKernelLog } from '../../kernel/printk.ts';
import { compareLogTable, compareLogText } from '../../report/compare-log.ts';
import { compareDetails, compareText } from '../../report/compare.ts';
import { compareTable } from '../../report/compare-table.ts';
import type { Vmcore } from '../../target/index.ts';
import {
  compareDumps,
  compareReports,
  readDumpState,
  sameBoot,
  type CompareLogResult,
  type CompareResult,
  type SameBoot,
} from '../../triage/compare.ts';
import { count } from '../../util/count.ts';
import { InvalidError } from '../../util/errors.ts';
import type { Problem } from '../../util/problems.ts';
import { EXIT_DONE, EXIT_USAGE } from '../exit.ts';
import type { RunState } from '../main.ts';
import { onVmcore, withOpenOptions, type OpenArguments } from '../open-options.ts';
import { print, printJson, printTable, proseWidth, remark } from '../output.ts';
import { fileLines, isTextFile } from '../text-lines.ts';
import { timeoutOf, withTimeout, type TimeoutArguments } from '../timeout-option.ts';
import { UsageError } from '../usage.ts';

const COMPARE_OPTIONS = {
  with: {
    type: 'string',
    array: true,
    describe: 'the parts of the second dump, where dumps are split: compare A.1 A.2 --with B.1 B.2',
  },
  log: {
    type: 'string',
    array: true,
    nargs: 1,
    describe:
      'two reports of kmallocwd in a console log, or in the log of a dump, instead of dumps',
  },
  reports: {
    type: 'string',
    requiresArg: true,
    coerce: reportNumbers,
    describe: 'with --log: which two, counted from 1, as 1,3; the last two unless told',
  },
  all: { type: 'boolean', default: false, describe: 'every task, counter and lock' },
} as const;

/** Adds the verb. */
export function addCompare(cli: Argv, state: RunState): void {
  cli.command(
    'compare [vmcore..]',
    'two dumps of one boot: who got on between them, who loops, who is blocked or starved',
    (verb) =>
      withTimeout(withOpenOptions(verb))
        .options(COMPARE_OPTIONS)
        .describe('vmcore', 'two dumps, in any order; of one that is split its parts'),
    async (args) => {
      if (args.log !== undefined || args.reports !== undefined) return compareLog(args, state);
      const [first, second] = dumpsOf(args);
      let outcome = EXIT_DONE;
      await onVmcore({ ...args, vmcore: first }, state, (a) =>
        onVmcore({ ...args, vmcore: second }, state, async (b) => {
          outcome = await compareTwo([a, b], args);
        }).then(() => {
          outcome = Math.max(outcome, state.exitCode);
        }),
      );
      state.exitCode = Math.max(outcome, state.exitCode);
    },
  );
}

/** `1,3` @throws UsageError for what is no two numbers */
function reportNumbers(text: string | undefined): readonly [number, number] | undefined {
  if (text === undefined) return undefined;
  const match = /^(\d{1,6}),(\d{1,6})$/.exec(text);
  if (match !== null) return [Number(match[1]), Number(match[2])];
  throw new UsageError(`--reports ${text}: expected two numbers, such as 1,3`);
}

/** The log of text files, the earlier one first, or of a dump. */
async function compareLog(args: CompareArguments, state: RunState): Promise<void> {
  const files = args.log ?? [];
  if (files.length === 0) throw new UsageError('compare: --reports is for --log FILE');
  if (args.vmcore.length > 0) throw new UsageError('compare: --log takes no vmcore beside it');
  const show = async (timeline: MemallocTimeline): Promise<void> => {
    await printReports(timeline, args);
  };
  if (files.every(isTextFile)) {
    await show(memallocTimeline(fileLines(files)));
    return;
  }
  await onVmcore({ ...args, vmcore: files }, state, (vmcore) =>
    show(memallocTimeline(recordLines(readKernelLog(vmcore).records))),
  );
}

/** A log that has no two reports is the wrong one. */
async function printReports(timeline: MemallocTimeline, args: CompareArguments): Promise<void> {
  const result = compared(timeline, args.reports);
  if (args.json) {
    printJson(result);
    return;
  }
  print(compareLogText(result, proseWidth()));
  if (result.tasks.length === 0) return;
  print('\n');
  await printTable(compareLogTable(result));
}

function compared(
  timeline: MemallocTimeline,
  reports: readonly [number, number] | undefined,
): CompareLogResult {
  try {
    return compareReports(timeline, reports);
  } catch (error) {
    if (error instanceof InvalidError) throw new UsageError(`compare: ${error.message}`);
    throw error;
  }
}

interface CompareArguments extends OpenArguments, TimeoutArguments {
  all: boolean;
  with: string[] | undefined;
  log: string[] | undefined;
  reports: readonly [number, number] | undefined;
}

/** The files of the one dump and of the other. @throws UsageError where they are not two */
function dumpsOf({ vmcore, with: others }: CompareArguments): [string[], string[]] {
  if (others !== undefined && others.length > 0 && vmcore.length > 0) return [vmcore, others];
  const [first, second, ...more] = vmcore;
  if (first === undefined || second === undefined || more.length > 0) {
    const what = `compare: expected two vmcores, have ${vmcore.length}`;
    throw new UsageError(more.length > 0 ? `${what} (of split ones: --with)` : what);
  }
  return [[first], [second]];
}

/** @returns the exit code: two dumps that cannot be compared are wrong usage */
async function compareTwo(
  [a, b]: readonly [Vmcore, Vmcore],
  args: CompareArguments,
): Promise<number> {
  // Whose kernels differ need not be read first.
  const quick = sameBoot(readBoot(a, []), readBoot(b, []));
  if (quick.reason !== undefined) return refuse(quick, args);
  const states = [readDumpState(a, timeoutOf(args)), readDumpState(b, timeoutOf(args))] as const;
  const boot = sameBoot(states[0].boot, states[1].boot);
  if (boot.reason !== undefined) return refuse(boot, args);
  const result = compareDumps(...states);
  const [before, now] = result.swapped === true ? [b, a] : [a, b];
  const problems = { before: problemsOf(before), now: problemsOf(now) };
  if (args.json) printJson({ ...result, problems });
  else await printComparison(result, args);
  return EXIT_DONE;
}

function problemsOf({ problems }: Vmcore): readonly Problem[] {
  return problems.list;
}

/** Says why, and with `--json` what was held against what. */
function refuse(boot: SameBoot, { json }: CompareArguments): number {
  if (json) printJson({ type: 'compare-refused', reason: boot.reason, boot });
  else remark(`compare: ${boot.reason}`);
  return EXIT_USAGE;
}

async function printComparison(result: CompareResult, { all }: CompareArguments): Promise<void> {
  const layout = { width: proseWidth(), all };
  print(compareText(result, layout));
  // Of one instant there is nothing to compare; each dump has verbs of its own.
  if (result.verdict.class === 'same-instant') return;
  const { table, leftOut } = compareTable(result, all);
  if (table.rows.length > 0) {
    print('\n');
    await printTable(table);
  }
  if (leftOut > 0) print(`and ${count(leftOut, 'more task')} (--all)\n`);
  print(`\n${compareDetails(result, layout)}`);
}
