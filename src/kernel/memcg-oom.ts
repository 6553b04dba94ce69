// Memory cgroups that are out of memory (mm/memcontrol.c): which they are, and which tasks are
// about to wait for them. Such a stall is one of its cgroup, not of the machine.

import type { Ref } from '../target/ref.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { findMember } from '../types/ctype.ts';
import { hex, type Vaddr } from '../util/address.ts';
import { escapeText } from '../util/escape.ts';
import { optional } from '../util/optional.ts';
import { listEntries } from './list.ts';
import { memcgInOomReader, type MemcgInOom } from './memcg-in-oom.ts';
import type { Task } from './task.ts';
import { limitOf, readPageCounter, type PageCounterState } from './page-counter.ts';
import { countOf } from './vmstat.ts';

/** A memory cgroup in which a charge failed and nothing was killed yet. */
export interface MemcgOom {
  /** `struct mem_cgroup *` */
  readonly address: string;
  /** `/system.slice/db.service`, where the names can be read. */
  readonly path?: string;
  /** Tasks and descendants that have marked it. */
  readonly underOom?: number;
  /** Somebody is killing in it or in an ancestor: the others wait on memcg_oom_waitq. */
  readonly oomLock?: boolean;
  /** memory.oom_control of cgroup v1: nobody is killed, all wait for the administrator. */
  readonly killDisabled?: boolean;
  /** Pages charged and their limit; since 3.19, when it counts in pages. */
  readonly memory?: PageCounterState;
  /** Of swap alone in cgroup v2, of memory and swap together in v1. */
  readonly swap?: PageCounterState;
}

/** A task whose page fault failed to charge, until it has waited for the cgroup's OOM. */
export interface MemcgOomTask extends MemcgInOom {
  /** `struct task_struct *` */
  readonly task: string;
}

/** What there is of both. */
export interface MemcgOoms {
  /** Absent where this kernel has no memory cgroups or their tree cannot be walked. */
  readonly memcgs?: readonly MemcgOom[];
  /** Absent where this kernel's tasks do not say. */
  readonly memcgTasks?: readonly MemcgOomTask[];
}

/** MEM_CGROUP_ID_MAX (mm/memcontrol.c): there are no more. */
const MEMCGS_MAX = 1 << 16;
/** Levels of cgroups are limited by cgroup.max.depth alone; a path is as long as a screen. */
const DEPTH_MAX = 64;
const NAME_MAX = 255;
/** Of task_struct; the second of older kernels. */
const MEMBERS = ['memcg_in_oom', 'memcg_oom.memcg'];

/** Memory cgroups under OOM and the tasks that are. */
export function readMemcgOoms(vmcore: Vmcore, tasks: readonly Task[]): MemcgOoms {
  return {
    ...optional('memcgs', memcgsUnderOom(vmcore)),
    ...optional('memcgTasks', tasksInOom(vmcore, tasks)),
  };
}

function tasksInOom(vmcore: Vmcore, tasks: readonly Task[]): MemcgOomTask[] | undefined {
  return vmcore.problems.attempt('memcg_in_oom', () => {
    const type = vmcore.struct('task_struct');
    const isKept = MEMBERS.some((path) => findMember(type, path) !== undefined);
    if (!isKept) return undefined;
    const read = memcgInOomReader(vmcore);
    return tasks.flatMap((task) => {
      const failed = read(task);
      return failed === undefined ? [] : [{ task: task.address, ...failed }];
    });
  });
}

/** Those of the tree below root_mem_cgroup, the root included. */
export function memcgsUnderOom(vmcore: Vmcore): MemcgOom[] | undefined {
  const { problems, symbols } = vmcore;
  if (symbols.lookup('root_mem_cgroup') === undefined) return undefined;
  const root = problems.attempt('root_mem_cgroup', () => vmcore.global('root_mem_cgroup').deref());
  if (root === undefined || root.address === 0n) return undefined;
  const found: MemcgOom[] = [];
  for (const memcg of memcgs(vmcore, root)) {
    const subject = `mem_cgroup ${hex(memcg.address)}`;
    const oom = problems.attempt(subject, () => memcgOom(memcg));
    if (oom === undefined) continue;
    if ((oom.underOom ?? 0) === 0 && oom.oomLock !== true) continue;
    const path = problems.attempt(subject, () => cgroupPath(vmcore, memcg));
    const limits = problems.attempt(subject, () => limitsOf(memcg));
    found.push({ ...oom, ...limits, ...optional('path', path) });
  }
  return found;
}

function memcgOom(memcg: Ref): MemcgOom {
  const flag = (path: string): boolean | undefined =>
    memcg.has(path) ? memcg.member(path).integer() !== 0n : undefined;
  // An atomic_t in 3.12.
  const underOom = memcg.has('under_oom') ? countOf(memcg.member('under_oom')) : undefined;
  return {
    address: hex(memcg.address),
    ...optional('underOom', underOom),
    ...optional('oomLock', flag('oom_lock')),
    ...optional('killDisabled', flag('oom_kill_disable')),
  };
}

function limitsOf(memcg: Ref): Pick<MemcgOom, 'memory' | 'swap'> {
  const counter = (...paths: string[]): PageCounterState | undefined => {
    const path = paths.find((each) => memcg.has(`${each}.usage`) || memcg.has(`${each}.count`));
    return path === undefined ? undefined : readPageCounter(memcg.member(path));
  };
  return {
    ...optional('memory', withHigh(memcg, counter('memory'))),
    // In later kernels the two share a place.
    ...optional('swap', counter('swap', 'memsw')),
  };
}

/** The mark for throttling lay beside its counter up to Linux 5.7. */
function withHigh(memcg: Ref, memory: PageCounterState | undefined): PageCounterState | undefined {
  if (memory === undefined || !memcg.has('high')) return memory;
  return { ...memory, highPages: limitOf(memcg.member('high').integer()) };
}

/** Depth first, by the children of each css; older kernels link the cgroups instead. */
function* memcgs(vmcore: Vmcore, root: Ref): Generator<Ref, void, undefined> {
  const { problems } = vmcore;
  const css = vmcore.struct('cgroup_subsys_state');
  const type = vmcore.struct('mem_cgroup');
  const seen = new Set<bigint>();
  const left: Ref[] = [root];
  for (let memcg = left.pop(); memcg !== undefined; memcg = left.pop()) {
    yield memcg;
    const own = memcg.member('css');
    if (!own.has('children')) return;
    const subject = `children of mem_cgroup ${hex(memcg.address)}`;
    const walk = { problems, subject, seen, entriesMax: MEMCGS_MAX };
    for (const child of listEntries(
      own.member('children'),
      { type: css, member: 'sibling' },
      walk,
    )) {
      left.push(child.containerOf(type, 'css'));
    }
  }
}

/** What the bytes of a name are booked as: users give them. */
export const CGROUP_NAME = 'name of cgroup';

/** From the names of the kernfs nodes up to the root. */
function cgroupPath(vmcore: Vmcore, memcg: Ref): string | undefined {
  const cgroup = memcg.member('css').member('cgroup').deref();
  if (cgroup.address === 0n || !cgroup.has('kn')) return undefined;
  const names: string[] = [];
  let node = cgroup.member('kn').deref();
  for (let depth = 0; node.address !== 0n; depth++) {
    const parent: Vaddr = node.firstMember('parent', '__parent').pointer();
    if (parent === 0n) return `/${names.join('/')}`;
    if (depth === DEPTH_MAX) return `…/${names.join('/')}`;
    names.unshift(nodeName(vmcore, node));
    node = node.moved(parent);
  }
  return undefined;
}

function nodeName(vmcore: Vmcore, node: Ref): string {
  const bytes = vmcore.readText(node.member('name').pointer(), NAME_MAX, CGROUP_NAME);
  return escapeText(bytes);
}
