// All diagnoses of a dump, the best first.

import type { Diagnosis } from '../util/diagnosis.ts';
import { withoutCanaryCulprits } from './canary.ts';
import { balloonDeadlock } from './diagnoses/balloon-deadlock.ts';
import { cryptThrottled } from './diagnoses/crypt-throttled.ts';
import { exitingTask } from './diagnoses/exiting-task.ts';
import { memcgWriteback } from './diagnoses/memcg-writeback.ts';
import { mempoolEmpty } from './diagnoses/mempool-empty.ts';
import { nofsOnly } from './diagnoses/nofs-only.ts';
import { oomLockStarved } from './diagnoses/oom-lock-starved.ts';
import { overload } from './diagnoses/overload.ts';
import { reaperDefeated } from './diagnoses/reaper-defeated.ts';
import { reservesDepleted } from './diagnoses/reserves-depleted.ts';
import { staleCounters } from './diagnoses/stale-counters.ts';
import { tooManyIsolated } from './diagnoses/too-many-isolated.ts';
import { victimBlocked } from './diagnoses/victim-blocked.ts';
import { timeoutOf } from './evidence.ts';
import {
  hasRunLately,
  isBlocked,
  isOverdue,
  isRequesting,
  mayBeOverdue,
  overdueAge,
  type Facts,
  type TaskFacts,
} from './facts.ts';
import { CONFIDENCES, type Finding } from './finding.ts';
import { butFor, sleepsForPage, sleepsInLock } from './lock-waits.ts';
import { recentKill } from './log-evidence.ts';
import { hungPools } from './pool-waits.ts';

/**
 * In order of precedence: who keeps the OOM killer from running (D8, D11), then who keeps its
 * victims from exiting (D4, D3, D5), then what keeps reclaim from freeing memory: a cause before
 * what follows from it. Reserves that are gone (D7) and a worker that is throttled (D10) leave
 * mempools empty (D9) behind; where a worker loops (D6) or only requests without __GFP_FS get on
 * (D2), any of these may be why. D4 is the closer look at a victim in a lock. What is merely slow
 * (D13) comes last.
 */
const DIAGNOSES: readonly ((facts: Facts) => Finding | undefined)[] = [
  oomLockStarved,
  balloonDeadlock,
  reaperDefeated,
  victimBlocked,
  exitingTask,
  memcgWriteback,
  tooManyIsolated,
  reservesDepleted,
  cryptThrottled,
  mempoolEmpty,
  staleCounters,
  nofsOnly,
];

/** What fits, the surest first, whatever its precedence; of equally sure ones the order above. */
export function diagnose(facts: Facts): Finding[] {
  const found = withoutTold(
    DIAGNOSES.flatMap((diagnosis) => diagnosis(facts) ?? []).filter((finding) =>
      isOfConsequence(facts, finding),
    ),
  );
  const stalls = withKillTime(facts, withTime(facts, withoutCanaryCulprits(facts, found)));
  // Where something better explains why requests wait, that they do is no finding of its own.
  const isExplained = stalls.some(({ confidence }) => confidence !== 'possible');
  const slow = isExplained ? undefined : overload(facts, stalls);
  return [...stalls, ...(slow === undefined ? [] : [slow])].sort(
    (a, b) => CONFIDENCES.indexOf(a.confidence) - CONFIDENCES.indexOf(b.confidence),
  );
}

/** D4 tells of the victim and of those on the way to memory: then D3 is no other explanation. */
function withoutTold(findings: readonly Finding[]): Finding[] {
  const reaper = findings.find(({ diagnosis }) => diagnosis === 'D4');
  if (reaper === undefined) return [...findings];
  return findings.filter(
    ({ diagnosis, confidence, culprits }) =>
      diagnosis !== 'D3' ||
      culprits.length === 0 ||
      CONFIDENCES.indexOf(confidence) < CONFIDENCES.indexOf(reaper.confidence) ||
      !culprits.every((pid) => reaper.culprits.includes(pid)),
  );
}

/**
 * What would fit if requests that are young by their records were to go on waiting: no more than
 * possible, whatever a dump shows of it, for a busy machine looks like that at any instant.
 */
export function diagnoseYoung(facts: Facts): Finding[] {
  const later = laterOf(facts);
  const found = DIAGNOSES.flatMap((diagnosis) => diagnosis(later) ?? []);
  const timeout = timeoutOf(facts.memalloc);
  const supposed = `if the requests in flight get older than ${timeout} as they are`;
  return withoutCanaryCulprits(
    facts,
    found.map((finding) => ({
      ...finding,
      confidence: 'possible',
      because: `${supposed}: ${finding.because}`,
    })),
  );
}

/** The same with all requests in flight as old as the timeout. */
function laterOf(facts: Facts): Facts {
  const tasks = facts.tasks.map((fact) => {
    const { record } = fact.task;
    if (record?.inFlight !== true) return fact;
    return { ...fact, task: { ...fact.task, record: { ...record, overdue: true } } };
  });
  const byAddress = new Map(tasks.map((fact) => [fact.task.address, fact]));
  const byPid = new Map(
    [...facts.byPid].map(([pid, fact]) => [pid, byAddress.get(fact.task.address) ?? fact]),
  );
  return { ...facts, tasks, byPid };
}

/**
 * Where each request's start is recorded and none is overdue, a likeness of a stall is what a busy
 * machine looks like at any instant. What goes round in a circle does not wait for its timeout, and
 * what waits for writeback in a cgroup is no request.
 */
function isOfConsequence(facts: Facts, { confidence, diagnosis }: Finding): boolean {
  if (confidence === 'certain' || diagnosis === 'D12') return true;
  return facts.tasks.some(mayBeOverdue);
}

/**
 * Any stall looks in its first second as a busy machine does at any instant: where everybody who
 * waits is known to have run lately, or to ask since shortly, no likeness is more than possible.
 */
function withTime(facts: Facts, findings: readonly Finding[]): Finding[] {
  const waiting = facts.tasks.filter(
    (fact) =>
      isRequesting(fact) || (isBlocked(fact) && (sleepsInLock(fact) || sleepsForPage(fact))),
  );
  const isShort = (fact: TaskFacts): boolean => {
    const overdue = isRequesting(fact) ? isOverdue(fact) : undefined;
    if (overdue !== undefined) return !overdue;
    // Who has a CPU has run lately, whatever was on it before.
    return fact.task.onCpu === true || hasRunLately(facts, fact) === true;
  };
  if (waiting.length === 0 || !waiting.every(isShort)) return [...findings];
  const hung = pidsThatHangPools(facts);
  if (waiting.some(({ task: { pid = -1 } }) => hung.has(pid))) return [...findings];
  const doubt = `nobody who waits is known to have waited for over ${timeoutOf(facts.memalloc)}`;
  return findings.map((finding) => ({
    ...doubted(finding, doubt),
    against: [...finding.against, doubt],
  }));
}

/** Workers behind which works have waited for as long as makes a request overdue. */
function pidsThatHangPools(facts: Facts): ReadonlySet<number> {
  const [any] = facts.tasks;
  const timed = (any === undefined ? [] : hungPools(facts, overdueAge(any))).filter(
    ({ seconds, stall: { reason } }) => seconds !== undefined && reason === 'worker runs',
  );
  return new Set(
    timed.flatMap(({ stall: { behind } }) =>
      behind.flatMap(({ worker }) => worker.task?.pid ?? []),
    ),
  );
}

/** Diagnoses of a victim that cannot exit. */
const OF_VICTIMS: readonly Diagnosis[] = ['D3', 'D4', 'D5'];

/**
 * A victim that was killed a moment ago has had no time to exit: the log has the time of the kill
 * on kernels that keep no time of requests as well.
 */
function withKillTime(facts: Facts, findings: readonly Finding[]): Finding[] {
  const kill = recentKill(facts);
  if (kill === undefined) return [...findings];
  return findings.map((finding) =>
    OF_VICTIMS.includes(finding.diagnosis)
      ? doubted(finding, `${kill}, and may exit in the next moment`)
      : finding,
  );
}

/** No more than possible, with the reason for it. */
function doubted(finding: Finding, doubt: string): Finding {
  if (finding.confidence === 'possible') return finding;
  return { ...finding, confidence: 'possible', because: butFor(finding.because, [doubt]) };
}
