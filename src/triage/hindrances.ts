// What keeps requests waiting without being the end of it: kswapd that has given up, the holder of
// oom_lock without a CPU, reclaim that frees nothing, a victim that has not gone.

import { isKswapdByName } from '../kernel/task-flags.ts';
import { count } from '../util/count.ts';
import { doing } from './checked.ts';
import type { Evidence } from './evidence.ts';
import {
  btVerb,
  calls,
  isBlocked,
  isInSlowPath,
  isRequesting,
  nameOf,
  namesOf,
  type Facts,
  type TaskFacts,
} from './facts.ts';
import { chainFrom, endOf } from './lock-waits.ts';
import { holdsOffOomKiller } from './oom-wait.ts';
import { givesUpAfter } from './memory-state.ts';

/** One of them. */
export interface Hindrance {
  /** A part of a sentence. */
  readonly clause: string;
  /** What it rests on, where that says more than the clause. */
  readonly evidence: readonly Evidence[];
}

/** All that are found, those that weigh most first. */
export function hindrances(facts: Facts): Hindrance[] {
  return [
    ...kswapdsGivenUp(facts),
    ...inVain(facts),
    ...heldByOthers(facts),
    ...oomLockHolder(facts),
    ...victimsInTheWay(facts),
  ];
}

function kswapdsGivenUp({ nodes = [], tasks }: Facts): Hindrance[] {
  return nodes
    .filter(({ kswapdFailures = 0 }) => givesUpAfter(kswapdFailures))
    .map(({ node, kswapd }) => {
      const fact = tasks.find(({ task }) => task.address === kswapd);
      const who = fact === undefined ? `kswapd of node ${node}` : nameOf(fact);
      return { clause: `${who} has given up`, evidence: [] };
    });
}

/** Direct reclaim keeps its own count (struct scan_control). */
function inVain({ tasks }: Facts): Hindrance[] {
  const counting = tasks.filter(({ task }) => task.evidence?.reclaim !== undefined);
  const vain = counting.filter(({ task }) => task.evidence?.reclaim?.nrReclaimed === 0);
  if (vain.length === 0) return [];
  const all = counting.length === vain.length ? '' : ` of ${counting.length}`;
  const isOne = vain.length === 1 && all === '';
  const who = isOne ? '1 that reclaims' : `${vain.length}${all} that reclaim`;
  // kswapd asks for no memory, and is none of those who wait in the slow path.
  const kswapds = vain.filter(({ task }) => isKswapdByName(task));
  const among = kswapds.length === 0 ? '' : ` (${namesOf(kswapds)} among them)`;
  const clause = `${who}${isOne ? ' has' : `${among} have`} freed nothing so far`;
  return [{ clause, evidence: [] }];
}

/** A lock that requests wait for, whose holder asks for no memory: the most of one holder. */
function heldByOthers(facts: Facts): Hindrance[] {
  const behind = new Map<TaskFacts, TaskFacts[]>();
  for (const fact of facts.tasks.filter(isRequesting)) {
    const chain = chainFrom(facts, fact);
    const end = endOf(chain);
    if (!chain.isProved || chain.isCycle || end === fact || isInSlowPath(end)) continue;
    behind.set(end, [...(behind.get(end) ?? []), fact]);
  }
  const [most] = [...behind].sort(([, a], [, b]) => b.length - a.length);
  if (most === undefined) return [];
  const [holder, waiting] = most;
  const waits = waiting.length === 1 ? 'waits' : 'wait';
  const clause =
    `${waiting.length} of them ${waits} for what ${nameOf(holder)} has, ` +
    'and that asks for no memory';
  return [
    { clause, evidence: [{ fact: `${nameOf(holder)} holds up others`, verb: 'locks --graph' }] },
  ];
}

/** Who would kill somebody, and waits for a CPU that it shares. */
function oomLockHolder({ byPid, oomLockHolder: pid }: Facts): Hindrance[] {
  const killer = pid === undefined ? undefined : byPid.get(pid);
  if (killer === undefined) return [];
  const { state, onCpu, evidence } = killer.task;
  const name = nameOf(killer);
  const isForCgroup = calls(killer, CGROUP_KILL);
  const inCgroup = `${name} in ${CGROUP_KILL}(): nobody else can kill`;
  const isWaiting = state === 'R' && onCpu !== true;
  const seconds = isWaiting ? evidence?.offCpu?.value : undefined;
  const late = `${name} has had no CPU for ${seconds?.toFixed(1)} s, which others share with it`;
  return [
    {
      clause:
        `${name}${isWaiting ? ', which has no CPU,' : ''} holds oom_lock` +
        (isForCgroup ? ' for a memory cgroup' : ''),
      evidence: [
        ...(isForCgroup ? [{ fact: inCgroup, verb: btVerb([killer]) }] : []),
        ...(seconds === undefined ? [] : [{ fact: late, verb: 'memalloc --all --json' }]),
      ],
    },
  ];
}

/** mm/memcontrol.c; it takes oom_lock, which the kill for a cgroup and that for all share. */
const CGROUP_KILL = 'mem_cgroup_out_of_memory';

/** A process that was chosen and sleeps where no signal wakes it, and who must move before it. */
function victimsInTheWay(facts: Facts): Hindrance[] {
  // Without MMF_OOM_SKIP the OOM killer waits for it; else it goes on to the next.
  const stuck = facts.tasks.filter((fact) => holdsOffOomKiller(fact) && isBlocked(fact));
  const [victim] = stuck;
  if (victim === undefined) return [];
  const chain = chainFrom(facts, victim);
  const end = endOf(chain);
  const behind = chain.isProved ? 'behind' : 'probably behind';
  const more = stuck.length === 1 ? '' : ` (and ${count(stuck.length - 1, 'task')} more)`;
  const who = `the OOM victim ${nameOf(victim)}${more}`;
  const does = end.place === undefined ? sleepText(end) : 'waits for memory';
  const clause =
    end === victim
      ? `${who} ${does}`
      : `${who} waits for a lock ${behind} ${nameOf(end)}, which ${does}`;
  return [{ clause, evidence: [] }];
}

/** Functions in which a task waits for somebody outside the kernel (fs/fuse, net/sunrpc). */
const WAITS_OUTSIDE: Readonly<Record<string, string>> = {
  request_wait_answer: 'waits for the answer of a FUSE file system',
  rpc_wait_bit_killable: 'waits for the answer of an NFS server',
};

function sleepText(fact: TaskFacts): string {
  const at = doing(fact);
  return WAITS_OUTSIDE[at] ?? `is in ${at}()`;
}
