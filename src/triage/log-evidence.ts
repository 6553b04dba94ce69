// What the log says for and against a stall: since when a victim was chosen, whom the watchdogs
// reported, whether requests got on between two reports. A line is evidence and no proof: the
// machine went on after it was printed.

import type { LogEvent, LogEventKind } from '../kernel/log-events.ts';
import type { Step, TimelineTask } from '../kernel/memalloc-timeline.ts';
import { count } from '../util/count.ts';
import type { Diagnosis } from '../util/diagnosis.ts';
import { escapeLine, escapeText } from '../util/escape.ts';
import { optional } from '../util/optional.ts';
import type { Evidence } from './evidence.ts';
import { isAlive, isBlocked, isRequesting, isVictim, type Facts, type TaskFacts } from './facts.ts';
import type { Finding } from './finding.ts';
import type { LogHistory } from './history.ts';
import { inSentence, nameOf as nameOfTask } from './words.ts';

/** The verb that shows all of it. */
const SHOWS = 'log --memalloc';
const NAMES_SHOWN = 3;

/** What the log says to a finding. */
export interface LogWords {
  readonly evidence: readonly Evidence[];
  readonly against: readonly string[];
}

/** The finding with what the log says; it is as sure as it was. */
export function withLog(facts: Facts, finding: Finding): Finding {
  const { evidence, against } = logWords(facts, finding.diagnosis);
  return {
    ...finding,
    evidence: [...finding.evidence, ...evidence],
    against: [...finding.against, ...against],
  };
}

/** Those of which the OOM killer, or whom it has chosen, is a part. */
const OF_KILLS: readonly Diagnosis[] = ['D3', 'D4', 'D5', 'D8'];

/**
 * Everything in the log that concerns those who wait, or are to die, now. A kill speaks for what
 * comes of kills, and against other stalls. That somebody got on speaks against each stall and for
 * what is merely slow (D13), for which the two lists change places.
 */
export function logWords(facts: Facts, diagnosis: Diagnosis): LogWords {
  const { history } = facts;
  if (history === undefined) return { evidence: [], against: [] };
  const reported = reportsOf(facts, history);
  const kills = killsOf(facts, history);
  const late = allocationStalls(facts, history);
  const still = [...hungTasks(facts, history), ...lockups(history), ...reported.stuck];
  const moving = [...goneVictims(facts, history), ...reported.moving];
  if (diagnosis === 'D13') {
    return worded([...kills.recent, ...late, ...moving], [...kills.old, ...still]);
  }
  const all = [...kills.old, ...kills.recent];
  const isOfKills = OF_KILLS.includes(diagnosis);
  return worded(
    [...(isOfKills ? all : []), ...late, ...still],
    [...(isOfKills ? [] : all), ...moving],
  );
}

/** Whether the watchdog's last two reports have the same request of one who still waits. */
export function showsStandstill(facts: Facts): boolean {
  const { history } = facts;
  return history !== undefined && reportsOf(facts, history).stuck.length > 0;
}

function worded(lines: readonly string[], against: readonly string[]): LogWords {
  return { evidence: lines.map((fact) => ({ fact, verb: SHOWS })), against };
}

/** `31.2 s before the dump`, or nothing where stamps are missing. */
export function agoText({ nowUs }: LogHistory, timeUs: number | undefined): string {
  if (nowUs === undefined || timeUs === undefined) return '';
  return ` ${(Math.max(0, nowUs - timeUs) / 1e6).toFixed(1)} s before the dump`;
}

/** `, the last 31.2 s before the dump` */
function lastText(history: LogHistory, timeUs: number | undefined): string {
  const ago = agoText(history, timeUs);
  return ago === '' ? '' : `, the last${ago}`;
}

/** Events of one kind, oldest first. */
function eventsOf({ timeline }: LogHistory, ...kinds: readonly LogEventKind[]): LogEvent[] {
  return timeline.events.filter(({ kind }) => kinds.includes(kind));
}

/** What is older is of another stall, as far as lines tell that name nobody by pid. */
const RELATED_US = 600e6;

function recentOnes(history: LogHistory, ...kinds: readonly LogEventKind[]): LogEvent[] {
  const { nowUs = 0 } = history;
  return eventsOf(history, ...kinds).filter(({ timeUs = nowUs }) => nowUs - timeUs <= RELATED_US);
}

/** A task as a line of the log has it. */
interface Named {
  readonly comm?: string;
  readonly pid?: number;
}

/** Whether the line is about this task: names go to others as pids do, but both seldom. */
function isOf(line: Named, { task: { pid, comm } }: TaskFacts): boolean {
  return line.pid !== undefined && line.pid === pid && commOf(line) === comm;
}

/** A line about a kill names a process by its leader, whose name a thread need not have. */
function isOfProcess(line: Named, fact: TaskFacts): boolean {
  const { pid, tgid } = fact.task;
  return isOf(line, fact) || (line.pid !== undefined && line.pid === tgid && pid !== tgid);
}

/** The name as results have it: text of a log is bytes as Latin-1. */
function commOf({ comm }: Named): string | undefined {
  if (comm === undefined) return undefined;
  return escapeText(Uint8Array.from(comm, (character) => character.charCodeAt(0)));
}

function nameOf(line: Named): string {
  return nameOfTask({ ...line, ...optional('comm', commOf(line)) });
}

/**
 * The first kill of those who are there still, where it is no longer ago than a request may take:
 * `java(186) was killed 0.7 s before the dump`.
 */
export function recentKill(facts: Facts): string | undefined {
  const { history, tasks } = facts;
  if (history === undefined) return undefined;
  const victims = tasks.filter(isVictim);
  const kill = eventsOf(history, 'oom-kill', 'memcg-kill').find((event) =>
    victims.some((victim) => isOfProcess(event, victim)),
  );
  if (kill === undefined || !isRecent(facts, history, kill)) return undefined;
  return `${nameOf(kill)} was killed${agoText(history, kill.timeUs)}`;
}

/** What the reaper says (mm/oom_kill.c) of a victim whose memory it does not get. */
const GIVES_UP = 'unable to reap';

/** What was done about those who are to die. */
interface Kills {
  /** Longer ago than a request may take, at an unknown time, or in vain. */
  readonly old: readonly string[];
  readonly recent: readonly string[];
}

/** When those who are to die were chosen, and what became of their memory. */
function killsOf(facts: Facts, history: LogHistory): Kills {
  const victims = facts.tasks.filter(isVictim);
  const told = eventsOf(history, 'oom-kill', 'oom-reaper').filter((event) =>
    victims.some((victim) => isOfProcess(event, victim)),
  );
  // Of a victim with many threads, and of a line printed twice, the first says since when.
  const first = new Map<string, LogEvent>();
  for (const event of told) {
    const key = `${event.kind} ${event.pid}`;
    if (!first.has(key)) first.set(key, event);
  }
  const events = [...first.values()];
  const isNew = (event: LogEvent): boolean =>
    isRecent(facts, history, event) && !event.text.includes(GIVES_UP);
  const old = killLines(
    history,
    events.filter((event) => !isNew(event)),
  );
  return { old, recent: killLines(history, events.filter(isNew)) };
}

/** No longer ago than a request may take. */
function isRecent({ tasks }: Facts, { nowUs }: LogHistory, { timeUs }: LogEvent): boolean {
  if (nowUs === undefined || timeUs === undefined) return false;
  const [{ overdueSeconds = OVERDUE_SECONDS } = {}] = tasks;
  return nowUs - timeUs <= overdueSeconds * 1e6;
}

function killLines(history: LogHistory, events: readonly LogEvent[]): string[] {
  const kills = events.filter(({ kind }) => kind === 'oom-kill');
  const reaped = events.filter(({ kind }) => kind === 'oom-reaper');
  return [
    ...(kills.length === 0 ? [] : [`the OOM killer killed ${killedText(history, kills)}`]),
    ...reaped
      .slice(0, NAMES_SHOWN)
      .map(
        (event) =>
          `the log has "${escapeLine(event.text.trim())}"${agoText(history, event.timeUs)}`,
      ),
  ];
}

/** `java(186) 29.8 s before the dump`, `a(1) and b(2), the last 0.3 s before the dump` */
function killedText(history: LogHistory, kills: readonly LogEvent[]): string {
  const names = inSentence(kills.map(nameOf), NAMES_SHOWN);
  const { timeUs } = kills.at(-1) ?? {};
  return `${names}${kills.length > 1 ? lastText(history, timeUs) : agoText(history, timeUs)}`;
}

/** Reported by khungtaskd, and still where no signal wakes them. */
function hungTasks(facts: Facts, history: LogHistory): string[] {
  const events = eventsOf(history, 'hung task');
  const hung = facts.tasks.filter(
    (fact) => isBlocked(fact) && events.some((event) => isOf(event, fact)),
  );
  if (hung.length === 0) return [];
  const last = events.findLast((event) => hung.some((fact) => isOf(event, fact)));
  const names = inSentence(
    hung.map(({ task }) => nameOfTask(task)),
    NAMES_SHOWN,
  );
  const seconds = last?.seconds === undefined ? '' : ` for more than ${last.seconds} s`;
  const when = lastText(history, last?.timeUs);
  return [`khungtaskd reported ${names} blocked${seconds}${when}`];
}

/** warn_alloc() of 4.9 to 4.14; its line has no pid. */
function allocationStalls(facts: Facts, history: LogHistory): string[] {
  const asking = new Set(facts.tasks.filter(isRequesting).map(({ task }) => task.comm));
  const events = recentOnes(history, 'allocation stall').filter((line) => asking.has(commOf(line)));
  if (events.length === 0) return [];
  const longest = events.reduce((a, b) => ((b.seconds ?? 0) > (a.seconds ?? 0) ? b : a));
  const last = lastText(history, events.at(-1)?.timeUs);
  return [
    `${count(events.length, 'page allocation stall')} reported, ` +
      `the longest ${longest.seconds?.toFixed(1) ?? '?'} s (${commOf(longest)})${last}`,
  ];
}

function lockups(history: LogHistory): string[] {
  const events = recentOnes(history, 'workqueue lockup');
  const last = events.at(-1);
  if (last === undefined) return [];
  const longest = Math.max(...events.map(({ seconds = 0 }) => seconds));
  const number = count(events.length, 'workqueue lockup');
  return [`${number} reported, up to ${longest} s${lastText(history, last.timeUs)}`];
}

/** Victims that did exit within the time after which a request is overdue. */
function goneVictims(facts: Facts, history: LogHistory): string[] {
  const [{ overdueSeconds = OVERDUE_SECONDS } = {}] = facts.tasks;
  // Up to 4.19 a second line, without the cgroup, follows that of the choice.
  const ofCgroups = new Set(eventsOf(history, 'memcg-kill').map(({ pid }) => pid));
  const gone = eventsOf(history, 'oom-kill').filter(
    (event) =>
      !ofCgroups.has(event.pid) &&
      isRecent(facts, history, event) &&
      !facts.tasks.some((fact) => isAlive(fact) && isOfProcess(event, fact)),
  );
  if (gone.length === 0) return [];
  const names = inSentence(gone.map(nameOf), 1);
  const are = gone.length === 1 ? 'is' : 'are';
  return [`the OOM killer gets on: ${names}, killed in the last ${overdueSeconds} s, ${are} gone`];
}

/** As long as the watchdog waits. */
const OVERDUE_SECONDS = 10;

/** Between two reports of the watchdog it was the same request. */
const STUCK: readonly Step[] = ['livelocked', 'blocked', 'starved', 'stuck'];

/** Whether those who wait now got on between the last two reports of the watchdog, or since. */
function reportsOf(
  facts: Facts,
  history: LogHistory,
): { stuck: readonly string[]; moving: readonly string[] } {
  const { reports, tasks } = history.timeline;
  if (reports.length < 2) return { stuck: [], moving: [] };
  const listed = tasks.flatMap((line) => {
    const fact = facts.tasks.find((each) => isOf(line, each));
    const waits = fact !== undefined && (isRequesting(fact) || isVictim(fact));
    return line.lines.at(-1) === null || !waits ? [] : [{ line, since: sinceReport(fact, line) }];
  });
  const isStuck = ({ line, since }: Listed): boolean =>
    since !== 'another request' && STUCK.includes(lastStep(line));
  // Who began a request between the reports, and is in it still, got on no more.
  const hasMoved = ({ line, since }: Listed): boolean =>
    since === undefined && lastStep(line) === 'progressing';
  const named = (found: readonly Listed[]): string =>
    inSentence(
      found.map(({ line }) => nameOf(line)),
      NAMES_SHOWN,
    );
  const stuck = listed.filter(isStuck);
  const moved = listed.filter(hasMoved);
  const later = listed.filter(({ since }) => since === 'another request');
  const between = betweenText(history);
  return {
    stuck:
      stuck.length === 0 ? [] : [`no progress of ${named(stuck)} ${between}${joinedText(listed)}`],
    moving: [
      ...(moved.length === 0 ? [] : [`${named(moved)} got on ${between}`]),
      ...(later.length === 0 ? [] : [`${named(later)} got on after the watchdog's last report`]),
    ],
  };
}

/** `, which lists 14 more for the first time` */
function joinedText(listed: readonly Listed[]): string {
  const joined = listed.filter(({ line }) => lastStep(line) === 'joined').length;
  return joined === 0 ? '' : `; ${joined} more joined in the last`;
}

/** A task of the watchdog's last report that waits now. */
interface Listed {
  readonly line: TimelineTask;
  readonly since: 'same request' | 'another request' | undefined;
}

/**
 * Whether its request of now is the one that the last report lists, by seq. Ages and time stamps
 * are never compared: those of a late console drift.
 */
function sinceReport({ task: { record } }: TaskFacts, line: TimelineTask): Listed['since'] {
  const listed = line.lines.at(-1)?.seq;
  if (record?.seq === undefined || listed === undefined) return undefined;
  return record.inFlight && record.seq === listed ? 'same request' : 'another request';
}

function lastStep({ steps }: TimelineTask): Step {
  return steps.at(-1) ?? 'unknown';
}

/** `between the watchdog's last two reports (48.0 s, 58.0 s)` */
function betweenText({ timeline }: LogHistory): string {
  const [before, last] = timeline.reports.slice(-2).map(({ timeUs }) => timeUs);
  const at =
    before === undefined || last === undefined
      ? ''
      : ` (${(before / 1e6).toFixed(1)} s, ${(last / 1e6).toFixed(1)} s)`;
  return `between the watchdog's last two reports${at}`;
}
