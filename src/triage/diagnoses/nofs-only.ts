// D2: those whose requests get on may not invoke the OOM killer, and those that may wait for what
// the others hold.

import { count } from '../../util/count.ts';
import { allocatorCall } from '../../kernel/alloc-callers.ts';
import { isKswapdByName } from '../../kernel/task-flags.ts';
import {
  btVerb,
  hasRunLately,
  isBlocked,
  isInSlowPath,
  isOverdue,
  isRequesting,
  mayBeOverdue,
  nameOf,
  namesOf,
  pidsOf,
  type Facts,
  type TaskFacts,
} from '../facts.ts';
import { canaryEvidence, withoutCanaries } from '../canary.ts';
import type { Evidence } from '../evidence.ts';
import { nofsAlone } from './nofs-alone.ts';
import type { Confidence, Finding } from '../finding.ts';
import {
  butFor,
  chainFrom,
  doubts,
  endOf,
  sleepsForPage,
  sleepsInLock,
  sureness,
  unsureOf,
} from '../lock-waits.ts';
import { holdsOffOomKiller } from '../oom-wait.ts';
import { poolEvidence } from '../pool-waits.ts';
import { reliefOf } from '../relief.ts';
import { cannotInvokeOom, requestMask } from '../request-mask.ts';

/**
 * kswapd and all overdue requests with __GFP_FS are blocked; the rest only reclaims. Where no
 * request of the rest is overdue they get on, one after the other, and may keep the lock all the
 * same: who writes to a file asks for one page after the other. Then the others must have slept for
 * longer than the timeout already, each in the one lock.
 */
export function nofsOnly(facts: Facts): Finding | undefined {
  return behindHolder(facts) ?? nofsAlone(facts);
}

function behindHolder(facts: Facts): Finding | undefined {
  const requests = facts.tasks.filter((fact) => isRequesting(fact) && isInSlowPath(fact));
  if (facts.tasks.some(holdsOffOomKiller)) return undefined;
  const stopped = requests.filter((fact) => isStopped(fact) && mayBeOverdue(fact));
  const running = requests.filter((fact) => !isStopped(fact));
  const old = running.filter(mayBeOverdue);
  const free = old.length > 0 ? old : running;
  // What polls a drive gets on as the others do, and would show as much of any other stall.
  const matter = withoutCanaries(free);
  const kswapd = facts.tasks.find(({ task }) => isKswapdByName(task));
  const areAsleep = stopped.every((fact) => hasRunLately(facts, fact) === false);
  if (old.length === 0 && !areAsleep) return undefined;
  if (stopped.length === 0 || free.length === 0 || kswapd === undefined || !isStopped(kswapd)) {
    return undefined;
  }
  const masks = free.map(({ task }) => cannotInvokeOom(task, requestMask(task), false));
  if (masks.includes(false)) return undefined;
  const known = !masks.includes(undefined);
  // Who asks for one page after the other has no old request, and may have the lock.
  const holders = running.filter(
    ({ task }) => cannotInvokeOom(task, requestMask(task), false) !== false,
  );
  const led = ledTo(facts, { blocked: [...new Set([kswapd, ...stopped])], free: holders });
  const { holder } = led;
  if (holder === undefined && matter.length === 0) return undefined;
  return {
    diagnosis: 'D2',
    name: 'only requests without __GFP_FS get on, and for them nobody is killed',
    sentence: holder === undefined ? withoutHolder(free, led) : sentenceOf(holder, free, led),
    confidence: confidenceOf(facts, { free, stopped, led, known }),
    because: becauseOf(facts, led),
    evidence: [
      ...maskEvidence(free, masks),
      { fact: `${namesOf(stopped)} blocked inside reclaim`, verb: btVerb(stopped) },
      { fact: `${nameOf(kswapd)} is blocked`, verb: btVerb([kswapd]) },
      ...canaryEvidence(free),
      ...poolEvidence(facts),
    ],
    against: [
      ...(holder === undefined ? [] : doubts(facts, holder)),
      ...aboutOnes(led.elsewhere, (who, verb) => `${who} ${verb} for somebody else`),
    ],
    missing: [
      ...unknownMasks(free, masks),
      ...(holder === undefined
        ? []
        : aboutOnes(led.unproved, (who, verb) => `whom ${who} ${verb} for`)),
    ],
    next: nextOf(facts, led),
    culprits: holder === undefined ? pidsOf(matter) : pidsOf([holder]),
  };
}

/** What {@link cannotInvokeOom} says of each request that gets on. */
type Masks = readonly (boolean | undefined)[];

function maskEvidence(free: readonly TaskFacts[], masks: Masks): Evidence[] {
  const harmless = free.filter((_, at) => masks[at] === true);
  if (harmless.length === 0) return [];
  return [{ fact: `${namesOf(harmless)}: requests that may not kill`, verb: 'memalloc --all' }];
}

/** A mask that is not known, or one of which only this kernel's code says what it may do. */
function unknownMasks(free: readonly TaskFacts[], masks: Masks): string[] {
  const unsaid = free.filter((_, at) => masks[at] === undefined);
  const unread = unsaid.filter(({ task }) => requestMask(task).gfpNames === undefined);
  const read = unsaid.filter((fact) => !unread.includes(fact));
  return [
    ...(unread.length === 0 ? [] : [`the masks of ${namesOf(unread)}`]),
    ...(read.length === 0
      ? []
      : [`whether this kernel kills for __GFP_NOFAIL without __GFP_FS, as ${namesOf(read)} asks`]),
  ];
}

/** Where the holder asks for memory, and with what held, by its own stack. */
function nextOf(facts: Facts, { holder, toHolder: [waiter] }: Led): string {
  if (holder === undefined || waiter === undefined) {
    return 'find out which of these requests is made with a lock held that the others wait for';
  }
  const at = allocatorCall(holder.calls);
  const [asks, below] = at < 0 ? [] : holder.calls.slice(at + 1);
  const under = below === undefined ? '' : ` under ${below}()`;
  const lock = chainFrom(facts, waiter).links.at(-2)?.waitsFor?.lock ?? 'that lock';
  const where = asks === undefined ? 'it asks' : `${asks}() asks`;
  const isInTransaction = holder.calls.some((name) => TRANSACTION.test(name));
  const before = isInTransaction ? 'the transaction is begun' : 'the lock is taken';
  return (
    `look at ${nameOf(holder)} (stallcore bt VMCORE ${holder.task.pid}): ${where} for memory` +
    `${under} while it has ${lock}; ask before ${before}`
  );
}

/** Of file systems that log what they do: fs/jbd2, fs/xfs. */
const TRANSACTION = /^(jbd2|ext4_journal|xfs_trans)_/;

function aboutOnes(
  ones: readonly TaskFacts[],
  text: (who: string, verb: string) => string,
): string[] {
  return ones.length === 0 ? [] : [text(namesOf(ones), ones.length === 1 ? 'waits' : 'wait')];
}

/** Where the chains of those lead that are blocked. */
interface Led {
  readonly blocked: readonly TaskFacts[];
  /** Of the requests that get on, the one that most are led to. */
  readonly holder: TaskFacts | undefined;
  /** Those who are led to it, and to others of these requests. */
  readonly toHolder: readonly TaskFacts[];
  readonly toOthers: readonly TaskFacts[];
  /** Those whose chain ends at somebody else, and those of whom it is not known where. */
  readonly elsewhere: readonly TaskFacts[];
  readonly unproved: readonly TaskFacts[];
}

function ledTo(
  facts: Facts,
  { blocked, free }: { blocked: readonly TaskFacts[]; free: readonly TaskFacts[] },
): Led {
  const ends = new Map<TaskFacts, TaskFacts>();
  const counts = new Map<TaskFacts, number>();
  for (const fact of blocked) {
    const chain = chainFrom(facts, fact);
    // Who sleeps for a page waits for nobody that a chain would know of.
    if (!chain.isProved || chain.links.length === 1) continue;
    const end = endOf(chain);
    ends.set(fact, end);
    if (free.includes(end)) counts.set(end, (counts.get(end) ?? 0) + 1);
  }
  const [[holder] = []] = [...counts].sort(([, a], [, b]) => b - a);
  const where = (isSo: (end: TaskFacts | undefined) => boolean): TaskFacts[] =>
    blocked.filter((fact) => isSo(ends.get(fact)));
  return {
    blocked,
    holder,
    toHolder: where((end) => end !== undefined && end === holder),
    toOthers: where((end) => end !== undefined && end !== holder && counts.has(end)),
    elsewhere: where((end) => end !== undefined && !counts.has(end)),
    unproved: where((end) => end === undefined),
  };
}

/** Each of them waits for one who may not kill. */
function isWhole({ elsewhere, unproved }: Led): boolean {
  return elsewhere.length + unproved.length === 0;
}

function withoutHolder(free: readonly TaskFacts[], { blocked: [kswapd, ...rest] }: Led): string {
  return (
    `${namesOf(free)} ${free.length === 1 ? 'asks' : 'ask'} for memory without __GFP_FS, ` +
    'for which the OOM killer kills nobody; ' +
    `${kswapd === undefined ? 'kswapd' : nameOf(kswapd)} and ` +
    `${count(rest.length, 'other')} are blocked.`
  );
}

/** The holder first: those who ask like it only keep it company. */
function sentenceOf(
  holder: TaskFacts,
  free: readonly TaskFacts[],
  { blocked, toHolder }: Led,
): string {
  const others = free.filter((fact) => fact !== holder).length;
  const isKnown = cannotInvokeOom(holder.task, requestMask(holder.task), false) === true;
  const how = isKnown ? ' without __GFP_FS' : '';
  const company = others === 0 ? '' : `, as ${others === 1 ? 'does' : 'do'} ${others} more`;
  return (
    `${nameOf(holder)} holds what ${waitersOf(toHolder, blocked)} for, ` +
    `and asks for memory${how}${company}${isKnown ? ': for such requests nobody is killed' : ''}.`
  );
}

/** `kswapd0(18) and 11 others wait`, `1 of the 12 that are blocked (kswapd0(18)) waits`. */
function waitersOf(waiting: readonly TaskFacts[], blocked: readonly TaskFacts[]): string {
  const [first, ...rest] = waiting;
  const waits = waiting.length === 1 ? 'waits' : 'wait';
  if (first === undefined || waiting.length < blocked.length) {
    const some = `${waiting.length} of the ${blocked.length} that are blocked`;
    return `${some} (${namesOf(waiting)}) ${waits}`;
  }
  const others = rest.length === 0 ? '' : ` and ${count(rest.length, 'other')}`;
  return `${nameOf(first)}${others} ${waits}`;
}

function becauseOf(facts: Facts, led: Led): string {
  const { blocked, toHolder, toOthers, holder } = led;
  if (holder === undefined) return 'who holds what they wait for could not be proved';
  if (isWhole(led)) {
    const whom =
      toOthers.length === 0 ? nameOf(holder) : `such requests, most of them to ${nameOf(holder)}`;
    const proved =
      blocked.length === 1
        ? `the chain of the one that is blocked was proved, and leads to ${whom}`
        : `the chains of all ${blocked.length} that are blocked were proved, and lead to ${whom}`;
    return butFor(proved, unsureOf(facts, holder));
  }
  const many = toHolder.length + toOthers.length;
  const are = many === 1 ? 'is' : 'are';
  const of = `of the ${blocked.length} that are blocked ${many}`;
  return `${of} ${are} proved to wait for such a request`;
}

/** Whose wait was proved is stopped though it is on its CPU still, on the way to sleep. */
function isStopped(fact: TaskFacts): boolean {
  if (fact.task.state === 'D' && fact.waitsFor !== undefined) return true;
  return isBlocked(fact) && (sleepsInLock(fact) || sleepsForPage(fact));
}

/**
 * Without their ages such requests are what any busy file system has at any instant. Where it is
 * proved who holds up the others, that they have waited for so long says as much: of those that
 * reclaim a kernel without records knows neither age nor mask.
 */
function confidenceOf(
  facts: Facts,
  on: {
    readonly free: readonly TaskFacts[];
    readonly stopped: readonly TaskFacts[];
    readonly led: Led;
    readonly known: boolean;
  },
): Confidence {
  const { free, stopped, led, known } = on;
  const { holder } = led;
  const isOld = (fact: TaskFacts): boolean => isOverdue(fact) === true;
  const hasOld = known && free.some(isOld);
  if (holder === undefined) return hasOld ? 'likely' : 'possible';
  const sure = sureness(facts, holder);
  // The holder may be young: others have waited for the same memory for long.
  if (hasOld && isOverdue(holder) === false) {
    return ['none', 'too little'].includes(reliefOf(facts) ?? '') ? 'likely' : 'possible';
  }
  if (hasOld) return sure === 'certain' && !isWhole(led) ? 'likely' : sure;
  if (!stopped.some(isOld)) return 'possible';
  return sure === 'possible' ? 'possible' : 'likely';
}
