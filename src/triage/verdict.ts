// From the allocation state to a verdict, as far as records and counters alone can carry it: the
// two kinds of stall that the kmallocwd documentation tells apart, and "not a memory problem".

import type { MemallocResult, MemallocTask } from '../kernel/memalloc-report.ts';

/**
 * - `after-oom-kill`: requests stall although the OOM killer has chosen a victim
 * - `only-nofs`: requests stall, no victim, and none of them may invoke the OOM killer
 * - `no-oom-kill`: requests stall, no victim, though some of them may invoke it
 * - `not-stalled`: no request is older than the timeout
 * - `unknown`: this kernel keeps no record, or it could not be read
 */
export type VerdictClass =
  'after-oom-kill' | 'only-nofs' | 'no-oom-kill' | 'not-stalled' | 'unknown';

/** A fact that speaks for or against, with the verb that shows it. */
export interface Evidence {
  readonly fact: string;
  /** The verb to look it up with. */
  readonly verb: string;
}

/** The answer. */
export interface Verdict {
  readonly class: VerdictClass;
  /** One plain sentence. */
  readonly sentence: string;
  readonly evidence: readonly Evidence[];
  /** What was missing to be sure. */
  readonly missing: readonly string[];
}

/** The result object of `stallcore triage`. */
export interface TriageResult {
  readonly type: 'triage';
  readonly verdict: Verdict;
  readonly memalloc: MemallocResult;
}

/** Judges the allocation state of a dump. */
export function judge(memalloc: MemallocResult): TriageResult {
  const { record } = memalloc;
  const verdict =
    record === undefined
      ? withoutRecord(memalloc)
      : record.counts.stalling === 0 || record.silent
        ? notStalled(memalloc)
        : stalled(memalloc);
  return { type: 'triage', verdict, memalloc };
}

function stalled(memalloc: MemallocResult): Verdict {
  const counts = memalloc.record?.counts;
  const stalling = memalloc.tasks.filter((task) => task.record?.stalling === true);
  const oldest = oldestOf(stalling);
  const victims = memalloc.tasks.filter(({ words }) => words.victim === true);
  const since =
    `${count(stalling.length, 'task')} stuck in the memory allocator, ` +
    `the longest for ${oldest}`;
  const evidence = [
    {
      fact: `${counts?.stalling} stalling, ${counts?.dying} dying, ${counts?.victim} victim`,
      verb: 'memalloc',
    },
    { fact: `requests: ${masksOf(stalling)}`, verb: 'memalloc --all' },
  ];
  const missing = ['what the tasks wait for: stacks and locks are not read yet'];
  if (victims.length > 0) {
    const blocked = victims.filter(({ words }) => words.uninterruptible === true);
    evidence.push({ fact: `OOM victims: ${victims.map(nameOf).join(', ')}`, verb: 'tasks' });
    const how = blocked.length > 0 ? ', and a victim sleeps where SIGKILL does not wake it' : '';
    const sentence = `${since}, although the OOM killer has chosen ${nameList(victims)}${how}.`;
    return { class: 'after-oom-kill', sentence, evidence, missing };
  }
  if (stalling.every(({ record }) => cannotInvokeOom(record?.gfpNames) === true)) {
    const sentence =
      `${since}; the OOM killer chose nobody, ` + 'and none of these requests may invoke it.';
    return { class: 'only-nofs', sentence, evidence, missing };
  }
  const sentence =
    `${since}; the OOM killer chose nobody, though at least one of these requests may invoke it: ` +
    'a livelock, or a machine that is overloaded.';
  return { class: 'no-oom-kill', sentence, evidence, missing: [...missing, TWO_DUMPS] };
}

const TWO_DUMPS = 'whether the requests progress: a second dump would show their seq moving';

function notStalled(memalloc: MemallocResult): Verdict {
  const seconds = memalloc.record?.timeoutSeconds.value ?? 0;
  const inFlight = memalloc.tasks.filter((task) => task.record?.inFlight === true);
  const known = memalloc.tasks.filter((task) => task.record !== undefined).length;
  return {
    class: 'not-stalled',
    sentence:
      `No task is stuck in the memory allocator: no request is older than ${seconds} s` +
      (inFlight.length === 0 ? ', and none is in flight.' : `, ${oldestOf(inFlight)} at most.`),
    evidence: [
      {
        fact: `records of ${count(known, 'task')} read, ${inFlight.length} in flight`,
        verb: 'memalloc --all',
      },
    ],
    missing:
      known < memalloc.tasks.length ? [`records of ${memalloc.tasks.length - known} tasks`] : [],
  };
}

function withoutRecord({ tasks }: MemallocResult): Verdict {
  const having = (what: string, test: (task: MemallocTask) => boolean): Evidence[] => {
    const found = tasks.filter(test);
    return found.length === 0
      ? []
      : [{ fact: `${what}: ${found.length} (${sample(found)})`, verb: 'tasks' }];
  };
  return {
    class: 'unknown',
    sentence:
      'Whether and since when tasks are stuck in the memory allocator cannot be said yet: ' +
      'this kernel keeps no record of requests.',
    evidence: [
      { fact: count(tasks.length, 'task'), verb: 'tasks' },
      ...having('inside reclaim or compaction (PF_MEMALLOC)', inReclaim),
      ...having(
        'counted as stalled on memory (in_memstall)',
        ({ inMemstall }) => inMemstall === true,
      ),
      ...having(
        'chosen by the OOM killer (signal->oom_mm)',
        ({ oomMm }) => (oomMm ?? '0x0') !== '0x0',
      ),
      ...having('with SIGKILL pending', hasSigkill),
      ...having('in uninterruptible sleep', ({ state }) => state === 'D'),
    ],
    missing: ['the age of each request', 'stacks and locks are not read yet'],
  };
}

function inReclaim({ flags, comm }: MemallocTask): boolean {
  // kswapd always has the flag: it is no sign of a request.
  return ((flags ?? 0) & PF_MEMALLOC) !== 0 && !/^kswapd\d+$/.test(comm ?? '');
}

/** include/linux/sched.h; the same bit since v2.6. */
const PF_MEMALLOC = 0x800;

function hasSigkill({ sigkillPending, sharedSigkillPending }: MemallocTask): boolean {
  return sigkillPending === true || sharedSigkillPending === true;
}

/** True where the mask has neither __GFP_FS nor __GFP_NOFAIL; undefined where it has no names. */
function cannotInvokeOom(names: string | undefined): boolean | undefined {
  if (names === undefined) return undefined;
  const mayEnterFs = /\bGFP_(KERNEL|USER|HIGHUSER|TRANSHUGE)|__GFP_FS\b/.test(names);
  return !mayEnterFs && !/__GFP_NOFAIL\b/.test(names);
}

function oldestOf(tasks: readonly MemallocTask[]): string {
  const seconds = tasks.map(({ record }) => record?.delaySeconds ?? 0);
  return `${Math.max(0, ...seconds).toFixed(1)} s`;
}

function masksOf(tasks: readonly MemallocTask[]): string {
  const counts = new Map<string, number>();
  for (const { record } of tasks) {
    const name = record?.gfpNames ?? record?.gfpMask ?? '';
    counts.set(name, (counts.get(name) ?? 0) + 1);
  }
  return [...counts].map(([name, times]) => `${times} × ${name}`).join(', ');
}

function nameOf({ comm, pid }: { comm?: string; pid?: number }): string {
  return `${comm ?? '?'}(${pid ?? '?'})`;
}

const NAMES_SHOWN = 4;

function sample(tasks: readonly MemallocTask[]): string {
  const shown = tasks.slice(0, NAMES_SHOWN).map(nameOf).join(', ');
  return tasks.length > NAMES_SHOWN ? `${shown}, …` : shown;
}

function nameList(tasks: readonly MemallocTask[]): string {
  const shown = tasks.slice(0, NAMES_SHOWN).map(nameOf).join(' and ');
  return tasks.length > NAMES_SHOWN ? `${shown} and ${tasks.length - NAMES_SHOWN} more` : shown;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
