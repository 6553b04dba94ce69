// One task of two dumps as it stands in the result.

import { optional } from '../../util/optional.ts';
import type { Confidence } from '../finding.ts';
import type { TaskInDump } from './dump-state.ts';
import type { Interval } from './has-run.ts';
import type { TaskPair } from './match-tasks.ts';
import {
  progressOf,
  type Conclusion,
  type RequestStep,
  type TaskProgress,
} from './task-progress.ts';

/** What a dump says of the task; the other dump's word is beside it. */
export type TaskSide = Omit<TaskInDump, 'pid' | 'tgid' | 'comm' | 'startTimeNs' | 'stack'>;

/** One task, and what became of it. */
export interface TaskComparison {
  readonly pid?: number;
  readonly tgid?: number;
  /** As it is called in the second dump, if it is there. */
  readonly comm?: string;
  readonly startTimeNs?: number;
  readonly progress: TaskProgress;
  readonly request: RequestStep;
  readonly requestsEnded?: number;
  readonly confidence: Confidence;
  readonly because: string;
  /** Absent of a task that is new, or has gone. */
  readonly before?: TaskSide;
  readonly now?: TaskSide;
  /** The frames of its stack are the same ones; absent where one is not known. */
  readonly isSameStack?: boolean;
  /** Its pid is another task's in the other dump. */
  readonly reusedPid?: true;
}

/** Of which dump the task list could be read whole. */
export interface Wholeness {
  readonly before: boolean;
  readonly now: boolean;
}

/** Judges one pair. */
export function compareTask(
  pair: TaskPair,
  interval: Interval,
  isWhole: Wholeness,
): TaskComparison {
  const { before, now, reusedPid } = pair;
  const { pid, tgid, comm, startTimeNs } = (now ?? before) as TaskInDump;
  const stacks = [before?.stack?.whole, now?.stack?.whole];
  const isSameStack = stacks.includes(undefined) ? undefined : stacks[0] === stacks[1];
  return {
    ...optional('pid', pid),
    ...optional('tgid', tgid),
    ...optional('comm', comm),
    ...optional('startTimeNs', startTimeNs),
    ...concluded(pair, interval, isWhole),
    ...optional('before', before === undefined ? undefined : sideOf(before)),
    ...optional('now', now === undefined ? undefined : sideOf(now)),
    ...optional('isSameStack', isSameStack),
    ...(reusedPid === true ? { reusedPid } : {}),
  };
}

function concluded(
  { before, now, reusedPid }: TaskPair,
  interval: Interval,
  isWhole: Wholeness,
): Conclusion {
  if (before !== undefined && now !== undefined) return progressOf(before, now, interval);
  const which = before === undefined ? 'first' : 'second';
  const other = reusedPid === true ? ', where another task has its pid' : '';
  const absent = `it is not in the ${which} dump${other}`;
  const certain = { confidence: 'certain' } as const;
  // Who has its pid has it alone; else a list that is torn may just not lead to it.
  if (reusedPid !== true && !(before === undefined ? isWhole.before : isWhole.now)) {
    const because = `${absent}, whose task list could not be read whole`;
    return { progress: 'unknown', request: 'unknown', ...certain, because };
  }
  if (before === undefined) {
    return { progress: 'new', request: 'none', ...certain, because: absent };
  }
  return { progress: 'gone', request: 'ended', ...certain, because: absent };
}

function sideOf(task: TaskInDump): TaskSide {
  const { pid: _pid, tgid: _tgid, comm: _comm, startTimeNs: _start, stack: _stack, ...side } = task;
  return side;
}
