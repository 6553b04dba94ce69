// stallcore log: the kernel's log.

import type { Argv } from 'yargs';
import { logResult } from '../../kernel/log.ts';
import { recordLines } from '../../kernel/log-lines.ts';
import { memallocTimeline, type MemallocTimeline } from '../../kernel/memalloc-timeline.ts';
import { readKernelLog } from '../../kernel/printk.ts';
import { logBytes, logJson, logRemarks, logText, lostText } from '../../report/log.ts';
import {
  timelineRemarks,
  timelineSummary,
  timelineTable,
  timelineText,
} from '../../report/memalloc-timeline.ts';
import { LOG_LEFT_OUT } from '../../target/pack-manifest.ts';
import type { Vmcore } from '../../target/index.ts';
import { UnsupportedError } from '../../util/errors.ts';
import { levelsOf, sinceOf } from '../log-options.ts';
import type { RunState } from '../main.ts';
import { onVmcore, withOpenOptions, type OpenArguments } from '../open-options.ts';
import { print, printBytes, printJson, printTable, remark, withProblems } from '../output.ts';
import { fileLines, isTextFile } from '../text-lines.ts';

const LOG_OPTIONS = {
  raw: {
    type: 'boolean',
    default: false,
    describe: 'the bytes as they are, unless standard output is a terminal',
  },
  ctime: { type: 'boolean', default: false, describe: 'the time of day (UTC) instead of seconds' },
  level: {
    type: 'string',
    requiresArg: true,
    coerce: levelsOf,
    describe: 'records of these levels: err,warn or 3,4; err+ is err and worse',
  },
  since: {
    type: 'string',
    requiresArg: true,
    coerce: sinceOf,
    describe:
      'records from this time stamp, in seconds, or this date (UTC) on; -60: the minute before ' +
      'the newest record',
  },
  memalloc: {
    type: 'boolean',
    default: false,
    describe: 'the reports of kmallocwd as a timeline; also from a text file, such as of a console',
  },
} as const;

/** Adds the verb. */
export function addLog(cli: Argv, state: RunState): void {
  cli.command(
    'log [vmcore..]',
    "the kernel's log, as dmesg(1) prints it",
    (verb) => withOpenOptions(verb).options(LOG_OPTIONS),
    (args) => {
      if (args.memalloc) return logMemalloc(args, state);
      return onVmcore(args, state, (vmcore) => {
        refuseWithoutLog(vmcore);
        const result = logResult(vmcore, {
          ...(args.level === undefined ? {} : { levels: args.level }),
          ...args.since,
        });
        const { raw, ctime } = args;
        if (args.json) {
          printJson(withProblems(logJson(result), vmcore.problems));
          return;
        }
        if (raw && !process.stdout.isTTY) printBytes(logBytes(result));
        else print(logText(result, { ctime }));
        for (const text of logRemarks(result)) remark(text);
        if (ctime && result.wallClockOffsetUs === undefined) {
          remark('the dump does not tell the time of day: seconds since boot');
        }
      });
    },
  );
}

/** @throws UnsupportedError of a packed dump that has none */
function refuseWithoutLog({ container }: Vmcore): void {
  if (container.packed?.masked.includes(LOG_LEFT_OUT) !== true) return;
  throw new UnsupportedError('the log was left out when this dump was packed (--no-log)');
}

/** The timeline of a dump's log, or of text files, the earlier one first. */
async function logMemalloc(args: OpenArguments, state: RunState): Promise<void> {
  const files = args.vmcore;
  if (files.length > 0 && files.every(isTextFile)) {
    const timeline = memallocTimeline(fileLines(files));
    if (args.json) printJson(timeline);
    else await printTimeline(timeline);
    return;
  }
  await onVmcore(args, state, async (vmcore) => {
    refuseWithoutLog(vmcore);
    const { records, lost } = readKernelLog(vmcore);
    const timeline = memallocTimeline(recordLines(records));
    if (args.json) {
      printJson(withProblems({ ...timeline, lost }, vmcore.problems));
      return;
    }
    await printTimeline(timeline);
    for (const each of lost) remark(lostText(each));
  });
}

async function printTimeline(timeline: MemallocTimeline): Promise<void> {
  print(timelineText(timeline));
  if (timeline.tasks.length > 0) await printTable(timelineTable(timeline));
  print(timelineSummary(timeline));
  for (const text of timelineRemarks(timeline)) remark(text);
}
