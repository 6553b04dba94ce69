// What was checked for a stall on memory, a line a check: how it looks, and whether that is well.

import { count } from '../util/count.ts';
import type { LogEventKind } from '../kernel/log-events.ts';
import type { BlockedCheck, Checked, KswapdCheck } from './checked.ts';
import { inSentence } from './words.ts';
import { WHY } from './pool-waits.ts';
import { hasGivenUp, knownZones, levelOf, unreadText, type KnownZone } from './memory-state.ts';

/** One thing that was looked at. */
export interface Check {
  readonly fact: string;
  /** Nothing of it points to a stall on memory. */
  readonly isWell: boolean;
  /** The verb that shows it. */
  readonly verb: string;
  /** Of the time before the dump: no verdict hangs on it, for a log can be left out of a dump. */
  readonly isHistory?: true;
}

/** Checks that were made, and in words those that could not be. */
export interface Checks {
  readonly made: readonly Check[];
  readonly unmade: readonly string[];
}

const SHOWS = 'triage --full';

/** Everything that triage checks on every dump. */
export function checksOf(checked: Checked): Checks {
  const isRead = checked.requests.tasks > 0;
  const checks = isRead ? [zones, kswapds, oomKiller, pools, throttled, log] : [zones, pools, log];
  const parts = checks.map((check) => check(checked));
  return {
    made: [
      ...(isRead ? requests(checked) : []),
      ...parts.flatMap(({ made }) => made),
      ...(isRead ? blocked(checked) : []),
    ],
    unmade: [...(isRead ? [] : [OF_TASKS]), ...parts.flatMap(({ unmade }) => unmade)],
  };
}

/** Of no task nothing is known, and least of all that none does something. */
const OF_TASKS =
  'who is in the allocator, who waits on a queue of reclaim or in uninterruptible sleep, ' +
  'whether a victim of the OOM killer is alive, what kswapd does: no task could be read';

function requests({ requests: found }: Checked): Check[] {
  const { tasks, slowPath, memoryCgroup, perhapsOverdue } = found;
  const young = slowPath > 0 && perhapsOverdue === 0 ? ', none for long' : '';
  return [
    {
      fact:
        `of ${count(tasks, 'task')} ${slowPath} in the allocator's slow path${young}, ` +
        `${memoryCgroup} charging a full memory cgroup`,
      isWell: perhapsOverdue === 0 && memoryCgroup === 0,
      verb: 'memalloc --all',
    },
  ];
}

function zones(checked: Checked): Checks {
  const { zones: all = [], writeback } = checked;
  const known = knownZones(checked);
  const isPartial = known.some(({ unreadCpus = 0 }) => unreadCpus > 0);
  const unmade = [
    ...(known.length < all.length || all.length === 0
      ? ['free pages of zones against their watermarks']
      : []),
    ...(isPartial ? ['free pages that CPUs have counted and not yet added'] : []),
    ...(writeback === undefined ? ['how many pages are being written'] : []),
  ];
  const made = known.map((zone) => ({
    fact: zoneText(zone),
    isWell: levelOf(zone) !== 'below min',
    verb: SHOWS,
  }));
  const written =
    writeback === undefined
      ? []
      : [{ fact: `${count(writeback, 'page')} being written`, isWell: true, verb: SHOWS }];
  return { made: [...made, ...written], unmade };
}

function zoneText(zone: KnownZone): string {
  const { node, name, free, notAdded = 0, min, low, high } = zone;
  const added = (notAdded === 0 ? '' : ` (${notAdded} not yet added)`) + unreadText(zone);
  const is = free < min ? 'below min' : free === min ? 'at min' : 'above min';
  const marks = `min ${min}${low === undefined ? '' : `, low ${low}`}`;
  const all = high === undefined ? marks : `${marks}, high ${high}`;
  return `zone ${name} of node ${node}: ${count(free, 'page')} free${added}, ${is} (${all})`;
}

function kswapds(checked: Checked): Checks {
  const { kswapd } = checked;
  const unmade = kswapd.filter(({ at, state }) => at === undefined || state === undefined);
  const known = kswapd.filter((each) => !unmade.includes(each));
  return {
    made: known.map((each) => ({
      fact: kswapdText(each, shortZones(checked, each)),
      isWell: each.isIdle === true && !hasGivenUp(each) && shortZones(checked, each).length === 0,
      verb: each.pid === undefined ? 'bt --all' : `bt ${each.pid}`,
    })),
    unmade:
      kswapd.length === 0
        ? ['what kswapd does']
        : unmade.map(({ node }) => `what kswapd of node ${node} does`),
  };
}

/** Of its node, by name: those that it is there to fill up again. */
function shortZones(checked: Checked, { node }: KswapdCheck): string[] {
  const zones = knownZones(checked).filter((zone) => zone.node === node);
  return zones.filter((zone) => levelOf(zone) === 'below min').map(({ name }) => name);
}

function kswapdText(kswapd: KswapdCheck, short: readonly string[]): string {
  const { node, comm, pid, state, at, isIdle, failures = 0 } = kswapd;
  const runs = `${count(failures, 'run')} in a row reclaimed nothing`;
  const though = [
    ...(short.length === 0 ? [] : [`${inSentence(short, short.length)} is short`]),
    ...(failures === 0 ? [] : [runs]),
  ];
  const idle =
    though.length === 0
      ? 'asleep, has nothing to reclaim'
      : `asleep until it is woken, though ${though.join(', and ')}`;
  const does = hasGivenUp(kswapd)
    ? `has given up, ${runs}`
    : isIdle === true
      ? idle
      : `${state} in ${at}()`;
  return `${comm ?? 'kswapd'}(${pid ?? '?'}) of node ${node}: ${does}`;
}

function oomKiller({ oom }: Checked): Checks {
  if (oom === undefined) return { made: [], unmade: ['the state of the OOM killer'] };
  const { victims, killCount, lock, killerDisabled, reaperList = [] } = oom;
  const left = victims.filter(({ skip }) => skip !== true).length;
  const facts = [
    victims.length === 0
      ? 'no victim of the OOM killer is alive'
      : `${count(victims.length, 'victim')} of the OOM killer alive, ${left} of them not reaped`,
    ...(killCount === undefined ? [] : [`${killCount} killed since boot`]),
    ...(lock?.isHeld === undefined ? [] : [`oom_lock ${lock.isHeld ? 'held' : 'free'}`]),
    ...(killerDisabled === true ? ['the OOM killer is disabled'] : []),
    ...(reaperList.length === 0 ? [] : [`${reaperList.length} wait for the OOM reaper`]),
  ];
  const isWell = victims.length === 0 && lock?.isHeld !== true && killerDisabled !== true;
  return { made: [{ fact: facts.join(', '), isWell, verb: SHOWS }], unmade: [] };
}

function pools({ pools: known }: Checked): Checks {
  if (known === undefined) return { made: [], unmade: ['whether pools of workers are hung'] };
  const stuck = known.waiting.filter(({ reason }) => reason !== 'worker is woken');
  const total = count(known.count, 'pool');
  const none = { fact: `${total} of workers, none with works that nobody begins`, isWell: true };
  const made = stuck.map(({ pool, reason, behind, manager, isLockup }) => {
    const inTheWay = reason === 'worker is made' && manager !== undefined ? [manager] : behind;
    const names = inTheWay.slice(0, 2).map(({ worker: { task } }) => `${task?.comm}(${task?.pid})`);
    const where = pool.cpu === undefined ? 'unbound' : `of CPU ${pool.cpu}`;
    const lockup = isLockup === true ? ', longer than the kernel bears' : '';
    const works = pool.pending.map(({ func }) => func).slice(0, 3);
    return {
      fact:
        `pool ${pool.id ?? pool.address} ${where}: ${count(pool.pending.length, 'work')} not ` +
        `begun (${works.join(', ')}), since ${WHY[reason]}: ${names.join(', ')}${lockup}`,
      // A busy pool is no hung one.
      isWell: isLockup !== true && reason === 'worker runs' && !behind.some(isInAllocator),
      verb: 'locks',
    };
  });
  return { made: made.length === 0 ? [{ ...none, verb: SHOWS }] : made, unmade: [] };
}

function isInAllocator({ allocator }: { readonly allocator?: unknown }): boolean {
  return allocator !== undefined;
}

function throttled({ throttled: queues }: Checked): Checks {
  if (queues === undefined) return { made: [], unmade: ['who is throttled by reclaim'] };
  const none = { fact: 'nobody waits on a queue of reclaim', isWell: true, verb: SHOWS };
  const made = queues.map(({ queue, reason, pids }) => ({
    fact: `${count(pids.length, 'task')} on ${queue} (${reason})`,
    isWell: false,
    verb: `bt ${pids.slice(0, 3).join(' ')}`,
  }));
  return { made: made.length === 0 ? [none] : made, unmade: [] };
}

function blocked({ blocked: groups, frozen = 0 }: Checked): Check[] {
  const total = groups.reduce((sum, { pids }) => sum + pids.length, 0);
  if (total === 0) {
    const but = frozen === 0 ? '' : ` but${frozenText(frozen)}`;
    const fact = `nobody${but} is in uninterruptible sleep`;
    return [{ fact, isWell: true, verb: 'tasks --state D' }];
  }
  const asides = frozen === 0 ? '' : ` and${frozenText(frozen)}`;
  return [
    {
      fact: `${count(total, 'task')} in uninterruptible sleep${asides}: ${blockedText(groups)}`,
      isWell: true,
      verb: 'bt --state D',
    },
  ];
}

/** `bt --state D` lists them with the others. */
function frozenText(frozen: number): string {
  return frozen === 0 ? '' : ` ${frozen} frozen`;
}

const GROUPS_SHOWN = 4;

/** `3 for mutex 0x…, 2 in request_wait_answer(), 4 elsewhere`. */
export function blockedText(groups: readonly BlockedCheck[]): string {
  const shown = groups
    .slice(0, GROUPS_SHOWN)
    .map(({ waitsFor, pids }) => `${pids.length} ${waitsFor}`);
  const rest = groups.slice(GROUPS_SHOWN).reduce((sum, { pids }) => sum + pids.length, 0);
  return [...shown, ...(rest > 0 ? [`${rest} elsewhere`] : [])].join(', ');
}

/** Events so short before the dump are of what goes on in it: as long as the watchdog waits. */
const RECENT_US = 10e6;

/** What each kind of line is of, one and many. */
const EVENT_WORDS: Readonly<Record<LogEventKind, readonly [one: string, many: string]>> = {
  'oom-killer': ['call of the OOM killer', 'calls of the OOM killer'],
  'oom-kill': ['kill', 'kills'],
  'memcg-kill': ['kill for a memory cgroup', 'kills for memory cgroups'],
  'oom-reaper': ['report of the OOM reaper', 'reports of the OOM reaper'],
  'allocation stall': ['page allocation stall', 'page allocation stalls'],
  'allocation failure': ['page allocation failure', 'page allocation failures'],
  'hung task': ['hung task', 'hung tasks'],
  'workqueue lockup': ['workqueue lockup', 'workqueue lockups'],
  dropped: ['loss of lines', 'losses of lines'],
};

/** Nothing could be seen in it. As no verdict hangs on the log, none hangs on this. */
export const EMPTY_LOG = 'what the log tells: it has no record';

function log({ log: checked }: Checked): Checks {
  if (checked === undefined) return { made: [], unmade: [] };
  const { events, reports, lastReportUs, records, fromUs, nowUs, lost } = checked;
  if (records === 0) return { made: [], unmade: [EMPTY_LOG] };
  const from = fromUs === undefined ? '' : ` from ${(fromUs / 1e6).toFixed(1)} s on`;
  const older = lost ? ', older records lost' : '';
  const head = `the log (${count(records, 'record')}${from}${older}) has`;
  const lines = [
    ...(reports === 0
      ? []
      : [`${reports} ${reports === 1 ? 'report' : 'reports'} of the watchdog`]),
    ...events.map(({ kind, count: n }) => `${n} ${EVENT_WORDS[kind][n === 1 ? 0 : 1]}`),
  ];
  const stamps = [lastReportUs, ...events.map(({ lastUs }) => lastUs)].filter(isKnown);
  const last = stamps.length === 0 ? undefined : Math.max(...stamps);
  const ago = last === undefined || nowUs === undefined ? undefined : Math.max(0, nowUs - last);
  const when =
    ago === undefined
      ? ''
      : `, the last of these lines ${(ago / 1e6).toFixed(1)} s before the dump`;
  const none = 'no line of the OOM killer, of stalled or failed allocations, or of hung tasks';
  return {
    made: [
      {
        fact: `${head} ${lines.length === 0 ? none : `${lines.join(', ')}${when}`}`,
        isWell: ago === undefined || ago > RECENT_US,
        verb: lines.length === 0 ? 'log' : 'log --memalloc',
        isHistory: true,
      },
    ],
    unmade: [],
  };
}

function isKnown(stamp: number | undefined): stamp is number {
  return stamp !== undefined;
}
