// The versions of the kmallocwd patch by Tetsuo Handa as mailed to linux-mm from 2015-10-18 to
// 2017-11-16; the comments give the mail's Message-Id. None was merged, so they are here ported to
// the kernel that is simulated: where a request is recorded, who reports it, and in which words.

import { __GFP_DIRECT_RECLAIM, __GFP_RECLAIM } from '../mm/gfp.ts';
import type { PatchName, PatchVersion, Reporter } from './patch-version.ts';

const INFO_OLD = 'MemAlloc-Info: %u stalling task, %u dying task, %u victim task.';
const INFO_NEW = 'MemAlloc-Info: stalling=%u dying=%u exiting=%u victim=%u oom_count=%u';
const TASK_OLD = 'MemAlloc: %s(%u)%s%s%s%s%s';
const TASK_NEW = 'MemAlloc: %s(%u) flags=0x%x switches=%lu%s%s%s%s%s';
const SEQ = ' seq=%u gfp=0x%x order=%u delay=%lu';
const NAMED = ' seq=%u gfp=0x%x(%pGg) order=%u delay=%lu';
const SHOWN = `MemAlloc: %s(%u) flags=0x%x switches=%lu${NAMED}`;

const NONE: PatchVersion = {
  name: 'none',
  layout: undefined,
  gate: 0,
  places: [],
  reporter: undefined,
  request: undefined,
  shown: undefined,
  knownLocations: false,
  globalTimer: false,
};

const KMALLOCWD: Reporter = {
  thread: 'kmallocwd',
  knob: 'kmallocwd',
  wakes: 'deadline',
  half: false,
  listsToo: 'nobody',
  info: INFO_OLD,
  task: TASK_OLD,
  infoTwice: false,
  traceEach: false,
  pause: 0,
};

const KHUNGTASKD: Reporter = {
  ...KMALLOCWD,
  thread: 'khungtaskd',
  knob: 'memalloc_task_timeout_secs',
  half: true,
  traceEach: true,
};

/** From the drafts of February 2016 on the lines say what v5 says, with another Info line. */
const KSWAPD_TOO: Reporter = {
  ...KHUNGTASKD,
  listsToo: 'exiting, kswapd',
  info: `${INFO_NEW}/%u`,
  task: TASK_NEW,
  infoTwice: true,
};

const COUNTERS: Reporter = { ...KSWAPD_TOO, wakes: 'counters', info: INFO_NEW };

const IN_TASK = { ...NONE, gate: __GFP_RECLAIM, places: ['slow path'] } as const;
const DRAFT = { ...IN_TASK, layout: 'L4', request: { format: NAMED, bufferSize: 256 } } as const;
const RFC = {
  ...NONE,
  layout: 'LR',
  gate: __GFP_DIRECT_RECLAIM,
  request: { format: NAMED, bufferSize: 256 },
  globalTimer: true,
} as const;
const V8 = {
  ...DRAFT,
  layout: 'L8',
  gate: __GFP_DIRECT_RECLAIM,
  reporter: { ...COUNTERS, knob: 'memalloc_task_warning_secs' },
} as const;

/** Every version, the oldest first. */
export const PATCH_VERSIONS: readonly PatchVersion[] = [
  NONE,
  {
    // 201510182105.AGA00839: the record is on the stack, and kept only while the thread runs.
    ...NONE,
    name: 'v1',
    layout: 'L1',
    reporter: { ...KMALLOCWD, wakes: 'counters', task: 'MemAlloc: %s(%u)%s%s%s' },
    request: { format: 'MemAlloc: %s(%u) gfp=0x%x order=%u delay=%lu', bufferSize: Infinity },
  },
  {
    // 201511222346.JBH48464: in the task, "allows vmcore to remember".
    ...IN_TASK,
    name: 'v2',
    layout: 'L2',
    reporter: { ...KMALLOCWD, task: 'MemAlloc: %s(%u)%s%s%s%s' },
    request: { format: ' gfp=0x%x order=%u delay=%lu', bufferSize: 128 },
  },
  {
    // 201511250024.AAE78692: a sequence, and the word for who has come to do_exit().
    ...IN_TASK,
    name: 'v3',
    layout: 'L3',
    reporter: KMALLOCWD,
    request: { format: SEQ, bufferSize: 128 },
  },
  {
    // 201512130033.ABH90650: tasks that stall for half the timeout; sleeps after each task.
    ...IN_TASK,
    name: 'v4',
    layout: 'L4',
    reporter: { ...KMALLOCWD, half: true, traceEach: true, pause: 1 },
    request: { format: SEQ, bufferSize: 128 },
  },
  {
    // 201512170011.IAC73451: khungtaskd does it, and a sysctl says how often.
    ...IN_TASK,
    name: 'v4-draft',
    layout: 'L4',
    reporter: { ...KHUNGTASKD, pause: 1 },
    request: { format: SEQ, bufferSize: 128 },
  },
  {
    // 201602092349.ACG81273: exiting tasks, names of gfp flags, calls of out_of_memory().
    ...DRAFT,
    name: '2016-02-09',
    reporter: {
      ...KHUNGTASKD,
      listsToo: 'exiting',
      info:
        'MemAlloc-Info: %u stalling task, %u dying task, %u exiting task, %u victim task.' +
        ' oom_count=%u',
      pause: 1,
    },
    request: { format: NAMED, bufferSize: 128 },
  },
  {
    // 201602111606.IIG81724: key=value, with a comma too many; the task's flags.
    ...DRAFT,
    name: '2016-02-11',
    reporter: {
      ...KHUNGTASKD,
      listsToo: 'exiting',
      info: 'MemAlloc-Info: stalling=%u dying=%u exiting=%u, victim=%u oom_count=%u',
      task: 'MemAlloc: %s(%u) flags=0x%x%s%s%s%s%s',
    },
  },
  // The delta of 2016-02-25: kswapd always, context switches, requests that may not kill.
  { ...DRAFT, name: '2016-02-25', reporter: KSWAPD_TOO },
  // 201603030002.JID60482: two known places instead of their traces.
  { ...DRAFT, name: '2016-03-02', layout: 'L4k', reporter: KSWAPD_TOO, knownLocations: true },
  // 1462630604-23410-1 and, as v6, 1478416501-10104-1: counters instead of a walk each timeout.
  { ...DRAFT, name: 'v5', layout: 'L5', reporter: COUNTERS },
  {
    // 1488244908-57586-1: only who may sleep is recorded.
    ...V8,
    name: 'v7',
    layout: 'L5',
  },
  // 1489578541-81526-1
  { ...V8, name: 'v8' },
  // 1495331504-12480-1 and its backport to 4.9.30: mempool_alloc() too.
  { ...V8, name: 'v9', places: ['slow path', 'mempool'], globalTimer: true },
  {
    // 1504269608-9202-2: nobody watches; who prints a task says what it allocates.
    ...RFC,
    name: 'rfc',
    places: ['slow path', 'mempool', 'fault'],
    shown: SHOWN,
  },
  {
    // 1510833448-19918-1: from before the free lists are looked at.
    ...RFC,
    name: 'rfc-v2',
    places: ['allocator', 'mempool', 'fault'],
    shown: `${SHOWN}%s`,
  },
];

const BY_NAME = new Map(PATCH_VERSIONS.map((version) => [version.name, version]));

/** The version of that name. */
export function patchVersion(name: PatchName): PatchVersion {
  return BY_NAME.get(name) ?? NONE;
}

/** Every name, the oldest version first. */
export const PATCH_NAMES: readonly PatchName[] = PATCH_VERSIONS.map(({ name }) => name);
