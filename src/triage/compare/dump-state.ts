// What one dump tells that can be held against another: each task with its request and with what it
// has done so far, counters, locks, and what triage says of the dump alone. Of a dump with 100,000
// tasks this is what is kept while the other one is read.

import { readBoot, type BootIdentity } from '../../kernel/boot.ts';
import { schedClocks } from '../../kernel/clocks.ts';
import { readCpuTimes, type CpuTimes } from '../../kernel/cpustat.ts';
import { initialJiffies } from '../../kernel/jiffies.ts';
import type { LocksResult } from '../../kernel/locking/lock.ts';
import type { SystemState } from '../../kernel/system.ts';
import { TaskRunsReader, type TaskRuns } from '../../kernel/task-runs.ts';
import { isFrozen } from '../../kernel/task-state.ts';
import { readVmEvents } from '../../kernel/vmstat.ts';
import type { NodeState } from '../../kernel/mmzone.ts';
import { optional } from '../../util/optional.ts';
import { doing } from '../checked.ts';
import { isVictim, type Facts, type LockWait, type TaskFacts } from '../facts.ts';
import type { Finding } from '../finding.ts';
import { gatherFacts, type GatherOptions } from '../gather.ts';
import { triageOf } from '../triage.ts';
import { unreadBeside, unreadOf } from '../unread.ts';
import type { Verdict } from '../verdict.ts';
import { requestOf, type RequestInDump } from './request.ts';
import { stackKeys, type StackKeys } from './stack-key.ts';

/** One task in one dump. */
export interface TaskInDump extends TaskRuns {
  /** `struct task_struct *` */
  readonly address: string;
  readonly pid?: number;
  readonly tgid?: number;
  readonly comm?: string;
  readonly kthread?: boolean;
  /** Nanoseconds since boot. */
  readonly startTimeNs?: number;
  /** The letter of ps(1). */
  readonly state?: string;
  /** In the freezer, which the kernel shows as D (v6.1). */
  readonly isFrozen?: boolean;
  readonly onCpu?: boolean;
  /** nvcsw + nivcsw */
  readonly switches?: number;
  /** Raw time in user mode: it grows at a tick that finds the task there. */
  readonly userTime?: number;
  /** It was chosen by the OOM killer and is alive. */
  readonly isVictim: boolean;
  readonly request: RequestInDump;
  readonly waitsFor?: LockWait;
  /** The innermost function that is neither the scheduler's nor a lock's. */
  readonly at?: string;
  readonly stack?: StackKeys;
}

/** The clocks of the instant. */
export interface InstantClock {
  readonly jiffies?: bigint;
  readonly hz?: number;
  /** The highest `rq->clock`, in nanoseconds. */
  readonly schedNs?: number;
}

/** One dump. */
export interface DumpState {
  readonly machine: SystemState;
  readonly boot: BootIdentity;
  readonly clock: InstantClock;
  readonly tasks: readonly TaskInDump[];
  /** Whether the task list could be read whole. */
  readonly isWhole: boolean;
  /** What could not be read, and what that may hide; a sentence for each part. */
  readonly missing: readonly string[];
  /** Whether the kernel records requests itself. */
  readonly hasRecords: boolean;
  /** From which age on a request is overdue. */
  readonly timeoutSeconds?: number;
  readonly events?: Readonly<Record<string, number>>;
  readonly nodes: readonly NodeState[];
  readonly cpuTimes?: readonly CpuTimes[];
  readonly locks?: LocksResult;
  readonly verdict: Verdict;
  readonly finding?: Finding;
}

/** A vmcore as kernel/ takes it. */
type Vmcore = Parameters<typeof gatherFacts>[0];

/** Reads a dump. @throws LookupError where it has no types to read tasks by */
export function readDumpState(vmcore: Vmcore, options: GatherOptions = {}): DumpState {
  const facts = gatherFacts(vmcore, options);
  const { memalloc } = facts;
  const answer = triageOf(vmcore, facts);
  const { runs, boot, clock, events, cpuTimes, missing } = readBesideTriage(vmcore, facts);
  const [finding] = answer.findings;
  return {
    machine: answer.machine,
    boot,
    clock,
    tasks: facts.tasks.map((fact, i) => taskInDump(fact, runs[i] ?? {})),
    isWhole: memalloc.coverage.taskListComplete,
    missing: [...unreadOf(facts), ...missing],
    hasRecords: memalloc.record !== undefined,
    ...optional('timeoutSeconds', (memalloc.record ?? memalloc.rebuilt)?.timeoutSeconds?.value),
    ...optional('events', events),
    nodes: facts.nodes ?? [],
    ...optional('cpuTimes', cpuTimes),
    ...optional('locks', facts.locks),
    verdict: answer.verdict,
    ...optional('finding', finding),
  };
}

/** What a comparison reads of a dump and a triage of it does not. */
interface BesideTriage extends Pick<
  DumpState,
  'boot' | 'clock' | 'events' | 'cpuTimes' | 'missing'
> {
  /** Of each task of the facts, in their order. */
  readonly runs: readonly TaskRuns[];
}

/** Reads it; pack calls this too, so that packed dumps compare as the dumps that they were do. */
export function readBesideTriage(vmcore: Vmcore, { memalloc, tasks }: Facts): BesideTriage {
  const { problems } = vmcore;
  const before = problems.count;
  const reader = new TaskRunsReader(vmcore);
  const { hz } = memalloc;
  const jiffies = memalloc.jiffies === undefined ? undefined : BigInt(memalloc.jiffies);
  const read = {
    runs: tasks.map(({ task }) => reader.read(task)),
    boot: readBoot(vmcore, memalloc.tasks),
    clock: {
      ...optional('jiffies', jiffies),
      ...optional('hz', hz),
      ...optional('schedNs', schedClocks(vmcore)?.clock),
    },
    ...optional(
      'events',
      problems.attempt('vm_event_states', () => readVmEvents(vmcore)),
    ),
    ...optional('cpuTimes', cpuTimesOf(vmcore, jiffies, hz)),
  };
  // None is dropped while the list is not full: then the list is as long as they are many.
  const subjects = problems.list.slice(before).map(({ subject }) => subject);
  return { ...read, missing: unreadBeside(problems.count - before, subjects) };
}

function cpuTimesOf(
  vmcore: Vmcore,
  jiffies: bigint | undefined,
  hz: number | undefined,
): CpuTimes[] | undefined {
  if (jiffies === undefined || hz === undefined) return undefined;
  const uptimeJiffies = Number(jiffies - initialJiffies(hz));
  return vmcore.problems.attempt('kernel_cpustat', () =>
    readCpuTimes(vmcore, { uptimeJiffies, hz }),
  );
}

function taskInDump(fact: TaskFacts, runs: TaskRuns): TaskInDump {
  const { address, pid, tgid, comm, kthread, state, onCpu } = fact.task;
  const { nvcsw, nivcsw, startTimeNs, utime } = fact.task;
  const switches = nvcsw === undefined || nivcsw === undefined ? undefined : nvcsw + nivcsw;
  const at = doing(fact);
  return {
    address,
    ...optional('pid', pid),
    ...optional('tgid', tgid),
    ...optional('comm', comm),
    ...optional('kthread', kthread),
    ...optional('startTimeNs', startTimeNs),
    ...optional('state', state),
    ...(isFrozen(fact.task) ? { isFrozen: true } : {}),
    ...optional('onCpu', onCpu),
    ...optional('switches', switches),
    ...optional('userTime', utime),
    ...runs,
    isVictim: isVictim(fact),
    request: requestOf(fact),
    ...optional('waitsFor', fact.waitsFor),
    ...(at === '?' ? {} : { at }),
    ...optional('stack', stackKeys(fact.stack)),
  };
}
