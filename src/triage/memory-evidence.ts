// What the state of memory says for and against a stall: whether reclaim has anything left to take,
// and whether memory is short at all.

import { sumOfCounters } from '../kernel/memory-users.ts';
import { count, percent } from '../util/count.ts';
import type { Checked } from './checked.ts';
import type { Evidence } from './evidence.ts';
import type { Facts } from './facts.ts';
import type { Finding } from './finding.ts';
import { knownZones, levelOf } from './memory-state.ts';

/** Diagnoses by which requests wait for free pages, and not for a lock, a worker or a cgroup. */
const OF_FREE_PAGES = ['D1', 'D2', 'D3', 'D4', 'D5', 'D6', 'D7', 'D8', 'D11', 'D13'];

/** Shares of the managed pages below which there is next to nothing, and from which there is. */
const NOTHING = 0.01;
const SOMETHING = 0.1;

/** The finding with what the state of memory says; it is as sure as it was. */
export function withMemory(facts: Facts, checked: Checked, finding: Finding): Finding {
  if (!OF_FREE_PAGES.includes(finding.diagnosis)) return finding;
  const reclaim = reclaimable(facts);
  return {
    ...finding,
    evidence: [...finding.evidence, ...reclaim.evidence],
    against: [...finding.against, ...roomyZones(checked), ...reclaim.against],
  };
}

/** No zone is short: then free pages are not what requests wait for. */
function roomyZones(checked: Checked): string[] {
  const known = knownZones(checked);
  const isWhole = known.length > 0 && known.length === checked.zones?.length;
  if (!isWhole || !known.every((zone) => levelOf(zone) === 'above high')) return [];
  const pages = known.reduce((sum, { free }) => sum + free, 0);
  return [`no zone is short of memory: ${count(pages, 'page')} free, each above its high mark`];
}

/** What reclaim could take: page cache, slab that shrinks, and what swap has room for. */
function reclaimable({ nodes = [], uses, swap }: Facts): {
  readonly evidence: readonly Evidence[];
  readonly against: readonly string[];
} {
  const sum = (...names: string[]): number | undefined => sumOfCounters(nodes, ...names);
  const [active, inactive] = [sum('NR_ACTIVE_FILE'), sum('NR_INACTIVE_FILE')];
  const slab = sum('NR_SLAB_RECLAIMABLE_B', 'NR_SLAB_RECLAIMABLE') ?? 0;
  const { managedPages = 0 } = uses ?? {};
  const none = { evidence: [], against: [] };
  if (active === undefined || inactive === undefined || managedPages === 0) return none;
  const cache = active + inactive;
  const swapFree = swap?.freePages ?? 0;
  const share = (pages: number): string =>
    `${count(pages, 'page')} (${percent(pages, managedPages)})`;
  if (Math.max(cache, slab, swapFree) < managedPages * NOTHING) {
    const swapText = swap === undefined || swap.totalPages === 0 ? 'no swap' : 'no swap left';
    const fact = `little is left to reclaim: ${share(cache)} of page cache, ${swapText}`;
    return { evidence: [{ fact, verb: 'mem' }], against: [] };
  }
  const busy = ['NR_FILE_DIRTY', 'NR_WRITEBACK', 'NR_UNSTABLE_NFS'].map((name) => sum(name) ?? 0);
  const clean = cache - busy.reduce((all, pages) => all + pages, 0);
  if (sum('NR_FILE_DIRTY') === undefined || clean < managedPages * SOMETHING) return none;
  return {
    evidence: [],
    against: [`reclaim has something to take: ${share(clean)} of page cache, clean on its lists`],
  };
}
