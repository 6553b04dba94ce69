// The state of memory in a line or two: what is free of each zone, what kswapd does, who has
// oom_lock and how many were killed.

import { KSWAPD_FAILURES_MAX, levelAt, type ZoneLevel } from '../kernel/mmzone.ts';
import { largestUses } from '../kernel/memory-users.ts';
import { count, percent } from '../util/count.ts';
import type { Checked, KswapdCheck, ZoneCheck } from './checked.ts';
import { nameOf } from './words.ts';

/** Zones that are named, those that are shortest first. */
const ZONES_SHOWN = 3;

/** Words for {@link Checked}; what could not be read is said to be unknown. */
export function memoryState(checked: Checked): string {
  const { kswapd } = checked;
  const parts = [
    ...heldText(checked),
    ...writtenText(checked),
    ...kswapd.slice(0, 2).map(kswapdText),
    ...oomText(checked),
  ];
  return `Memory: ${[zonesText(checked), ...parts].join('; ')}.`;
}

/** How the free pages of a zone stand to its watermarks, the shortest first. */
type Level = ZoneLevel | 'above min';
const LEVELS: readonly Level[] = [
  'below min',
  'below low',
  'below high',
  'above min',
  'above high',
];

/** A zone of which free pages and the lowest watermark are known. */
export type KnownZone = ZoneCheck & { readonly free: number; readonly min: number };

/** Those that can be held against their watermarks. */
export function knownZones({ zones = [] }: Checked): KnownZone[] {
  return zones.flatMap((zone) => {
    const { free, min } = zone;
    return free === undefined || min === undefined ? [] : [{ ...zone, free, min }];
  });
}

/** What the allocator and kswapd compare, the reserves of lower zones aside. */
export function levelOf({ free, min, low, high }: KnownZone): Level {
  if (low !== undefined && high !== undefined) return levelAt(free, { min, low, high });
  return free <= min ? 'below min' : 'above min';
}

function zonesText(checked: Checked): string {
  const known = knownZones(checked).sort(
    (a, b) => LEVELS.indexOf(levelOf(a)) - LEVELS.indexOf(levelOf(b)),
  );
  if (known.length === 0) return 'free pages of zones could not be read';
  const hasNodes = known.some(({ node }) => node !== known[0]?.node);
  const shown = known.slice(0, ZONES_SHOWN).map((zone) => zoneText(zone, hasNodes));
  const more = known.length - shown.length;
  return `${[...shown, ...(more > 0 ? [`and ${count(more, 'more zone')}`] : [])].join(', ')}`;
}

/** `DMA32 has 0 pages free, below min (368)` */
function zoneText(zone: KnownZone, hasNodes: boolean): string {
  const { node, name, free } = zone;
  const level = levelOf(zone);
  const where = hasNodes ? `${name} of node ${node}` : name;
  return (
    `${where} has ${count(free, 'page')} free${unreadText(zone)}, ` +
    `${standText(zone)} (${zone[levelMark(level)]})${reserveText(zone)}`
  );
}

/** How a zone stands to its marks: `below min`, or `at min`, which is as short. */
function standText(zone: KnownZone): string {
  const level = levelOf(zone);
  return zone.free === zone[levelMark(level)] ? level.replace('below', 'at') : level;
}

/** That a zone is short for all who could have pages of a higher one (lowmem_reserve[]). */
function reserveText(zone: KnownZone): string {
  const { reserve = 0, free } = zone;
  const left = { ...zone, free: free - reserve };
  if (reserve === 0 || levelOf(zone) === 'below min' || levelOf(left) !== 'below min') return '';
  return `, but short for who can use higher zones: ${reserve} are reserved`;
}

function levelMark(level: Level): 'min' | 'low' | 'high' {
  return level.slice(level.indexOf(' ') + 1) as 'min' | 'low' | 'high';
}

/** That counts of CPUs are not in the number; nothing where all were read. */
export function unreadText({ unreadCpus = 0 }: ZoneCheck): string {
  return unreadCpus === 0 ? '' : ` (what ${count(unreadCpus, 'CPU')} counted could not be read)`;
}

/** `of 58432 pages: anonymous 71 %, free 0 %`, `swap is full` */
function heldText({ uses, swap }: Checked): string[] {
  const { managedPages = 0 } = uses ?? {};
  const shares = uses === undefined || managedPages === 0 ? [] : largestUses(uses);
  const held = shares.map(({ name, pages }) => `${name} ${percent(pages, managedPages)}`);
  return [
    ...(held.length === 0 ? [] : [`of ${managedPages} pages: ${held.join(', ')}`]),
    ...(swap === undefined ? [] : [swapText(swap)]),
  ];
}

function swapText({ totalPages, freePages }: NonNullable<Checked['swap']>): string {
  if (totalPages === 0) return 'no swap';
  return freePages === 0 ? 'swap is full' : `${freePages} of ${totalPages} pages of swap free`;
}

function writtenText({ writeback }: Checked): string[] {
  if (writeback === undefined) return ['how many pages are being written is not known'];
  return [writeback === 0 ? 'none is being written' : `${count(writeback, 'page')} being written`];
}

/** Whether kswapd gives up after so many runs in a row that reclaimed nothing. */
export function givesUpAfter(failures: number): boolean {
  return failures >= KSWAPD_FAILURES_MAX;
}

/** It is left alone until somebody else frees a page of its node. */
export function hasGivenUp({ failures = 0 }: KswapdCheck): boolean {
  return givesUpAfter(failures);
}

function kswapdText(kswapd: KswapdCheck): string {
  const { node, pid, comm = `kswapd${node}`, state, at, isIdle, failures = 0 } = kswapd;
  const who = nameOf({ comm, ...(pid === undefined ? {} : { pid }) });
  if (hasGivenUp(kswapd)) {
    return `${who} has given up (${count(failures, 'run')} in a row reclaimed nothing)`;
  }
  if (isIdle === true) return `${who} sleeps until it is woken`;
  return at === undefined ? `what ${who} does is not known` : `${who} is ${state} in ${at}()`;
}

function oomText({ oom }: Checked): string[] {
  if (oom === undefined) return ["the OOM killer's state is not known"];
  const { killCount, lock, killerDisabled } = oom;
  const { owner } = lock ?? {};
  const holder = owner === undefined ? 'oom_lock is held' : `${nameOf(owner)} holds oom_lock`;
  return [
    ...(lock?.isHeld === undefined ? [] : [lock.isHeld ? holder : 'oom_lock is free']),
    ...(killCount === undefined ? [] : [`${killCount} killed since boot`]),
    ...(killerDisabled === true ? ['the OOM killer is disabled'] : []),
  ];
}
