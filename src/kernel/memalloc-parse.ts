// The lines of kmallocwd read back, of every version of the patch: the other direction of
// memalloc-lines.ts. The Info lines come from the same table; a task's line has one grammar, of
// which each version prints some parts:
//
//   MemAlloc: comm(pid)[ flags=0x…][ switches=…][[ seq=…] gfp=0x…[(names)] order=… delay=…]
//             [ uninterruptible][ exiting][ dying][ victim]
//
// A comm may hold anything, `a (b) c` or `x=1`, so the pid is the last number in parentheses that
// leaves a rest of this grammar. The request is cut where its buffer was too small.

import { MEMALLOC_FORMATS } from './memalloc-format.ts';
import type { InfoCounts } from './memalloc-lines.ts';
import { optional } from '../util/optional.ts';

/** A task in a report of the watchdog. What the version does not print is absent. */
export interface MemallocLine {
  readonly comm: string;
  readonly pid: number;
  /** `task->flags` */
  readonly flags?: number;
  /** nvcsw + nivcsw */
  readonly switches?: number;
  readonly seq?: number;
  /** gfp_mask, and its names as the kernel wrote them. */
  readonly gfp?: number;
  readonly gfpNames?: string;
  readonly order?: number;
  /** The order is -1: not the page allocator, a mempool waits. */
  readonly mempool?: true;
  /** Age of the request in jiffies. */
  readonly delay?: number;
  readonly uninterruptible: boolean;
  readonly exiting: boolean;
  readonly dying: boolean;
  readonly victim: boolean;
  /** The line ends before its last field, or the request is cut in the middle. */
  readonly cut?: true;
}

/** Where a line of the watchdog begins in a line of a log. */
const TASK_HEAD = 'MemAlloc: ';
const INFO_HEAD = 'MemAlloc-Info: ';

/** What a line of a log says of the watchdog. */
export type WatchdogLine =
  | { readonly kind: 'task'; readonly task: MemallocLine }
  | { readonly kind: 'info'; readonly counts: InfoCounts; readonly opensAndCloses: boolean }
  /** It begins as one, and is none that any version prints. */
  | { readonly kind: 'other' };

/** Reads a line of the watchdog; undefined for any other line. */
export function parseWatchdogLine(text: string): WatchdogLine | undefined {
  const info = text.indexOf(INFO_HEAD);
  const task = text.indexOf(TASK_HEAD);
  if (info >= 0 && (task < 0 || info < task)) {
    return parseInfo(text.slice(info)) ?? { kind: 'other' };
  }
  if (task < 0) return undefined;
  // People quote lines `in prose`; no kernel prints a mark there.
  const end = text[task - 1] === '`' ? text.indexOf('`', task) : -1;
  const parsed = parseTask(text.slice(task + TASK_HEAD.length, end < 0 ? undefined : end));
  return parsed === undefined ? { kind: 'other' } : { kind: 'task', task: parsed };
}

/** What a format's `%u` are of, by what stands beside them. */
const COUNT_NAMES: readonly (readonly [words: RegExp, name: keyof InfoCounts])[] = [
  [/stalling/, 'stalling'],
  [/dying/, 'dying'],
  [/exiting/, 'exiting'],
  [/victim/, 'victim'],
  [/oom_count/, 'oomCount'],
  [/^\/$/, 'noOomCount'],
];

/** The SystemTap script of the RFC's second posting prints the new line without oom_count. */
const SYSTEMTAP_INFO = 'MemAlloc-Info: stalling=%u dying=%u exiting=%u victim=%u';

/** A number stands before its word in the old line, and behind it in the new one. */
const NEW_FIELD = /\/(?=%u)|\w+(?==%u)/g;
const OLD_FIELD = /%u \w+|\w+(?==%u)/g;

interface InfoPattern {
  readonly pattern: RegExp;
  readonly names: readonly (keyof InfoCounts)[];
  readonly twice: boolean;
}

const INFO_PATTERNS: readonly InfoPattern[] = [
  ...MEMALLOC_FORMATS.flatMap(({ info }) => (info === undefined ? [] : [info])),
  SYSTEMTAP_INFO,
]
  .filter((format, at, all) => all.indexOf(format) === at)
  .map(infoPattern)
  // Of formats that begin alike the one with most fields fits first.
  .sort((a, b) => b.names.length - a.names.length);

function infoPattern(format: string): InfoPattern {
  const source = format.replace(/[.$()*+?[\\\]^{|}]/g, '\\$&').replaceAll('%u', '(\\d+)');
  return {
    pattern: new RegExp(`^${source}(?!\\d)`),
    names: format
      .slice(INFO_HEAD.length)
      .match(format.includes('=') && !format.includes('task') ? NEW_FIELD : OLD_FIELD)!
      .map(countName),
    twice: MEMALLOC_FORMATS.some(({ info, infoTwice }) => info === format && infoTwice),
  };
}

function countName(words: string): keyof InfoCounts {
  return COUNT_NAMES.find(([pattern]) => pattern.test(words))![1];
}

function parseInfo(text: string): WatchdogLine | undefined {
  for (const { pattern, names, twice } of INFO_PATTERNS) {
    const match = pattern.exec(text);
    if (match === null) continue;
    const counts = Object.fromEntries(names.map((name, at) => [name, Number(match[at + 1])]));
    return { kind: 'info', counts, opensAndCloses: twice };
  }
  return undefined;
}

const HEAD = String.raw`^(?<comm>.*)\((?<pid>\d{1,10})\)`;
/** The name ends at the first number in parentheses. */
const HEAD_SHORT = HEAD.replace('.*', '.*?');
const TASK_FIELDS = String.raw`(?: flags=0x(?<flags>[\da-f]{1,8}))?(?: switches=(?<switches>\d+))?`;
const REQUEST = [
  String.raw`(?: seq=(?<seq>\d+))?`,
  String.raw`(?: gfp=0x(?<gfp>[\da-f]{1,8})(?:\((?<names>[^()]*)\))?`,
  String.raw` order=(?<order>\d+) delay=(?<delay>\d+))?`,
].join('');
/** A request whose buffer was too small: what is followed by something is whole. */
const CUT_REQUEST = [
  String.raw`(?: seq=(?<seq>\d+)(?= ))?(?: gfp=0x(?<gfp>[\da-f]{1,8})(?=[( ]))?`,
  String.raw`(?! (?:uninterruptible|exiting|dying|victim)\b)[ (][\w=|() ]*?`,
].join('');
const WORDS = String.raw`(?<words>(?: uninterruptible| exiting| dying| victim)*)`;

/** Strictly, then with a remark behind it, as people add to what they quote, then cut. */
const TASK_PATTERNS: readonly (readonly [pattern: RegExp, isCut: boolean])[] = [
  [new RegExp(`${HEAD}${TASK_FIELDS}${REQUEST}${WORDS}\\s*$`), false],
  [new RegExp(`${HEAD_SHORT}${TASK_FIELDS}${REQUEST}${WORDS}\\s{2,}\\(.*$`), false],
  [new RegExp(`${HEAD_SHORT}${TASK_FIELDS}${CUT_REQUEST}${WORDS}\\s*$`), true],
];

/** More than name, masks with all names and words take: a longer line is not one. */
const LINE_LENGTH_MAX = 2048;

function parseTask(text: string): MemallocLine | undefined {
  if (text.length > LINE_LENGTH_MAX) return undefined;
  for (const [pattern, isCut] of TASK_PATTERNS) {
    const groups = pattern.exec(text)?.groups;
    if (groups !== undefined) return taskOf(groups, isCut);
  }
  return undefined;
}

/** Of an unsigned int, as which -1 is printed. */
const ORDER_MEMPOOL = 0xffffffff;

function taskOf(groups: Readonly<Record<string, string | undefined>>, cut: boolean): MemallocLine {
  const { comm = '', pid, flags, switches, seq, gfp, names, order, delay, words = '' } = groups;
  const isMempool = Number(order) === ORDER_MEMPOOL;
  return {
    comm,
    pid: Number(pid),
    ...optional('flags', numberOf(flags, 16)),
    ...optional('switches', numberOf(switches)),
    ...optional('seq', numberOf(seq)),
    ...optional('gfp', numberOf(gfp, 16)),
    ...optional('gfpNames', names),
    ...(isMempool ? { mempool: true as const } : optional('order', numberOf(order))),
    ...optional('delay', numberOf(delay)),
    uninterruptible: words.includes('uninterruptible'),
    exiting: words.includes('exiting'),
    dying: words.includes('dying'),
    victim: words.includes('victim'),
    ...(cut ? { cut: true as const } : {}),
  };
}

function numberOf(text: string | undefined, radix = 10): number | undefined {
  return text === undefined ? undefined : Number.parseInt(text, radix);
}
