// Who waits for whom, a line a chain.

import type { ChainStep, WaitChain } from '../triage/chains.ts';
import { count } from '../util/count.ts';
import { commandText } from './command.ts';

/** Chains that are shown unless all are asked for. */
const CHAINS_SHOWN = 4;

/**
 * Chains in the order in which they stand; without those of tasks that are of no interest to the
 * allocator, unless all are asked for, they lead to a culprit, or memory is not what is short.
 */
export function chainLines(
  chains: readonly WaitChain[],
  {
    full,
    isNoStall = false,
    culprits,
  }: { full: boolean; isNoStall?: boolean; culprits: readonly number[] },
): string[] {
  if (full) return chains.map(chainText);
  const telling = chains.filter(
    (chain) => isNoStall || chain.start !== 'other' || leadsTo(chain, culprits),
  );
  const shown = telling.slice(0, CHAINS_SHOWN);
  const more = telling.length - shown.length;
  return [
    ...shown.map(chainText),
    ...(more > 0 ? [`and ${count(more, 'more chain')}  ${commandText('triage --full')}`] : []),
  ];
}

function leadsTo({ steps }: WaitChain, culprits: readonly number[]): boolean {
  const last = steps.at(-1)?.pid;
  return last !== undefined && culprits.includes(last);
}

const WANTS = {
  memory: 'memory',
  'memory cgroup': 'memory of its cgroup',
  writeback: 'writeback',
} as const;

/** `OOM victim victim(47) -[mutex oom_lock]-> holder(45) -[memory]` */
export function chainText({ start, from, pids, isOneProcess, steps, end }: WaitChain): string {
  const areSeveral = pids.length > 1 && isOneProcess !== true;
  const first = start === 'OOM victim' ? `OOM victim${areSeveral ? 's' : ''} ${from}` : from;
  const way = steps.map(stepText).join('');
  if (end === undefined) return first + way;
  if (end.kind === 'cycle') return `${first}${way}, in a circle`;
  if (end.kind === 'does') return `${first}${way}, in ${end.function}()`;
  return `${first}${way} -[${WANTS[end.kind]}]`;
}

function stepText({ waitsFor, name, isUnsure }: ChainStep): string {
  const who = name ?? 'not known who';
  return ` -[${waitsFor}]-> ${isUnsure === true ? `${who} (may have left it)` : who}`;
}
