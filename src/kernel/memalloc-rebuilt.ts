// The lines of the watchdog for a kernel that keeps no record, from what is left in its memory.
// A `~` stands before a number that is the least there can be, a `?` for what is not known.

import type { AllocationEvidence } from './alloc-evidence.ts';
import type { MemallocFormat } from './memalloc-format.ts';
import { flagWords, lineHead, stateWords, type TaskWords } from './memalloc-lines.ts';
import type { Task } from './task.ts';

/** One task with its evidence. */
export interface RebuiltTask {
  readonly task: Task;
  readonly words: TaskWords;
  /** PF_KSWAPD. */
  readonly kswapd: boolean;
  readonly evidence: AllocationEvidence | undefined;
}

/** What the lines depend on besides. */
export interface RebuiltSettings {
  readonly format: MemallocFormat;
  readonly timeoutJiffies: bigint;
  /** Ticks a second; without it no age can be told in jiffies. */
  readonly hz: number | undefined;
  readonly describeGfp: (mask: number) => string | undefined;
}

/** In the words of a format: the Info line, then each task in the page allocator's slow path. */
export function rebuiltLines(
  tasks: readonly RebuiltTask[],
  settings: RebuiltSettings,
): readonly string[] {
  const { format } = settings;
  const inSlowPath = tasks.filter(isInSlowPath);
  const info = infoLine(tasks, inSlowPath, settings);
  const dying = tasks.filter(({ words }) => words.dying === true || words.victim === true);
  if (format.lists === 'separate') {
    return [
      ...info,
      ...inSlowPath.map((each) => lineHead(each) + requestWords(each, settings)),
      ...dying.map((each) => lineHead(each) + stateWords(each, format)),
    ];
  }
  const listed = tasks.filter((each) => isListed(each, format));
  const lines = listed.map(
    (each) =>
      lineHead(each) +
      flagWords(each, format) +
      (isInSlowPath(each) ? requestWords(each, settings) : '') +
      (format.lists === 'in-flight' ? '' : stateWords(each, format)),
  );
  return [...info, ...lines, ...(format.infoTwice ? info : [])];
}

/** It is in the slow path by its frames, where the patch would have a request in flight. */
export function isInSlowPath({ evidence }: Pick<RebuiltTask, 'evidence'>): boolean {
  return evidence?.place?.value === 'slow path';
}

/** Which tasks the versions list besides those that stall. */
function isListed(each: RebuiltTask, { lists }: MemallocFormat): boolean {
  if (isInSlowPath(each)) return true;
  if (lists === 'in-flight') return false;
  if (each.words.victim === true || each.words.dying === true) return true;
  if (lists === 'dying') return false;
  return each.words.exiting === true || (lists === 'kswapd' && each.kswapd);
}

function infoLine(
  tasks: readonly RebuiltTask[],
  inSlowPath: readonly RebuiltTask[],
  settings: RebuiltSettings,
): string[] {
  const { info, halfTimeout } = settings.format;
  if (info === undefined) return [];
  const threshold = halfTimeout ? settings.timeoutJiffies / 2n : settings.timeoutJiffies;
  const stalling = inSlowPath.filter((each) => {
    const delay = delayOf(each, settings);
    return delay !== undefined && BigInt(delay) >= threshold;
  });
  const count = (word: keyof TaskWords): string => {
    const values = tasks.map(({ words }) => words[word]);
    const having = values.filter((value) => value === true).length;
    return having === 0 && values.includes(undefined) ? '?' : String(having);
  };
  const values = info.includes('exiting')
    ? [`~${stalling.length}`, count('dying'), count('exiting'), count('victim')]
    : [`~${stalling.length}`, count('dying'), count('victim')];
  let index = 0;
  return [info.replace(/%u/g, () => values[index++] ?? '?')];
}

function requestWords(each: RebuiltTask, settings: RebuiltSettings): string {
  const { format, describeGfp } = settings;
  const { gfpMask, order } = each.evidence ?? {};
  const gfp = gfpMask?.value ?? '?';
  const names =
    format.request === 'names' && gfpMask !== undefined
      ? `(${describeGfp(Number(gfpMask.value)) ?? gfpMask.value})`
      : '';
  const seq = format.request === 'plain' ? '' : ' seq=?';
  const delay = delayOf(each, settings);
  return (
    `${seq} gfp=${gfp}${names} order=${order?.value ?? '?'} ` +
    `delay=${delay === undefined ? '?' : `~${delay}`}`
  );
}

/** jiffies, rounded down: at least so many. */
function delayOf({ evidence }: RebuiltTask, { hz }: RebuiltSettings): number | undefined {
  if (hz === undefined || evidence?.age === undefined) return undefined;
  return Math.floor(evidence.age.value * hz);
}
