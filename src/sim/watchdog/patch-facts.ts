// What the patch is in memory, as facts for src/sim/image: the members of each record, the
// variables with their values, and the strings by which a dump shows the version.

import type { Kernel } from '../core/kernel.ts';
import type { RecordFacts } from '../image/machine-facts.ts';
import { KERN_INFO, KERN_WARNING, type Patch, type PatchVariable } from '../image/patch.ts';
import type { InFlight, ListedRequest, MemallocInfo } from './memalloc-info.ts';
import type { PatchVersion, RecordLayout } from './patch-version.ts';
import { LOCATIONS } from './stall-report.ts';

/** sizeof(struct memalloc_info) in every layout. */
const RECORD_SIZE = 24;
const INT_SIZE = 4;

/** What a layout has besides start, order and gfp, by the names of its members. */
const MEMBERS: Readonly<Record<RecordLayout, (info: MemallocInfo) => RecordFacts>> = {
  // On the stack: the task has none.
  L1: () => ({}),
  L2: ({ valid, dumped }) => ({ valid, dumped }),
  L3: ({ sequence, valid, dumped }) => ({ sequence, valid, dumped }),
  L4: ({ sequence, valid, type }) => ({ sequence, valid, type }),
  L4k: ({ sequence, valid, type, knownLocations }) => {
    return { sequence, valid, type, known_locations: knownLocations };
  },
  L5: ({ valid, type, idx, sequence }) => ({ valid, type, idx, sequence }),
  L8: ({ valid, type, idx, sequence }) => {
    return { in_flight: valid, report: type === 0 ? 0 : 1, idx, sequence };
  },
  LR: ({ valid, sequence }) => ({ in_flight: valid, sequence }),
};

/** task_struct.memalloc by its members; none where the version has no record in the task. */
export function recordMembers({ layout }: PatchVersion, info: MemallocInfo): RecordFacts {
  if (layout === undefined || layout === 'L1') return {};
  const { start, order, gfp } = info;
  return { ...MEMBERS[layout](info), start: BigInt(start), order, gfp };
}

/** struct memalloc of v1, but for its list and its task. */
export function listedMembers({ start, order, gfp, index, dumped }: ListedRequest): RecordFacts {
  return { start: BigInt(start), order, gfp, index, dumped };
}

/** The patch of this kernel at this instant. */
export function patchFacts(k: Kernel): Patch {
  const { version } = k.memalloc;
  return { messages: messages(version), variables: variables(k), functions: functions(version) };
}

function messages({ reporter, request, shown, layout, knownLocations }: PatchVersion): string[] {
  const warn = (text: string): string => `${KERN_WARNING}${text}\n`;
  if (shown !== undefined) {
    return [`${KERN_INFO}${shown}\n`, ...(shown.endsWith('%s') ? [' uninterruptible'] : [])];
  }
  if (reporter === undefined || request === undefined) return [];
  const hasExiting = layout !== 'L1' && layout !== 'L2';
  return [
    warn(reporter.info),
    layout === 'L1' ? warn(request.format) : request.format,
    warn(reporter.task),
    ' uninterruptible',
    ...(hasExiting ? [' exiting'] : []),
    ' dying',
    ' victim',
    ...(knownLocations ? Object.values(LOCATIONS).map((at) => warn(`Call Trace: ${at}`)) : []),
  ];
}

function variables(k: Kernel): PatchVariable[] {
  const { version } = k.memalloc;
  if (version.reporter === undefined) return [];
  if (version.layout === 'L1') return [knob(k), ...listVariables(k)];
  const inspected: PatchVariable = {
    name: 'memalloc',
    section: 'bss',
    size: RECORD_SIZE,
    local: true,
    struct: 'memalloc_info',
    members: recordMembers(version, k.memalloc.inspected),
  };
  const lock = { name: 'memalloc_lock', section: 'data', size: 8, local: true } as const;
  return [
    knob(k),
    inspected,
    ...(version.layout === 'L2' ? [lock] : []),
    ...oomCounters(k),
    ...inFlightCounters(k),
  ];
}

/** The boot parameter in jiffies, or the sysctl in seconds. */
function knob(k: Kernel): PatchVariable {
  const { reporter } = k.memalloc.version;
  const data = { section: 'data', size: 8 } as const;
  if (reporter?.knob === 'kmallocwd') {
    return { ...data, name: 'kmallocwd_timeout', local: true, value: k.kmallocwdTimeout };
  }
  const value = BigInt(k.options.kmallocwd);
  return { ...data, name: `sysctl_${reporter?.knob ?? ''}`, local: false, value };
}

function listVariables({ memalloc }: Kernel): PatchVariable[] {
  const local = { section: 'bss', local: true } as const;
  return [
    activeIndex('memalloc_counter_active_index', memalloc.activeIndex),
    { ...local, name: 'memalloc_counter', size: 2 * INT_SIZE, bytes: ints(memalloc.inFlight[0]!) },
    { name: 'memalloc_list', section: 'data', local: true, size: 16 },
    { ...local, name: 'memalloc_list_lock', size: 4 },
  ];
}

function activeIndex(name: string, index: number): PatchVariable {
  return { name, section: 'bss', size: 1, local: true, bytes: Uint8Array.of(index) };
}

function oomCounters({ memalloc, oomCalls, noOomCalls }: Kernel): PatchVariable[] {
  const info = memalloc.version.reporter?.info ?? '';
  const counter = (name: string, value: number): PatchVariable => {
    return { name, section: 'bss', size: 4, local: false, value: BigInt(value) };
  };
  return [
    ...(info.includes('oom_count=%u') ? [counter('out_of_memory_count', oomCalls)] : []),
    ...(info.endsWith('/%u') ? [counter('no_out_of_memory_count', noOomCalls)] : []),
  ];
}

function inFlightCounters({ memalloc }: Kernel): PatchVariable[] {
  if (memalloc.version.reporter?.wakes !== 'counters') return [];
  return [
    {
      name: 'memalloc_in_flight',
      section: 'percpu',
      size: 2 * INT_SIZE,
      local: true,
      perCpu: memalloc.inFlight.map(ints),
    },
    activeIndex('memalloc_active_index', memalloc.activeIndex),
  ];
}

/** `int[2]`: of a CPU where more requests ended than began it is negative. */
function ints(values: InFlight): Uint8Array {
  return new Uint8Array(Int32Array.from(values).buffer);
}

/** Functions that the image has whether or not one was seen on a stack. */
function functions({ layout, reporter, globalTimer }: PatchVersion): string[] {
  const isHungTask = reporter?.thread === 'khungtaskd';
  const counts = isHungTask && reporter.wakes === 'counters';
  return [
    ...(reporter?.thread === 'kmallocwd' ? ['kmallocwd'] : []),
    ...(isHungTask ? ['check_memalloc_stalling_tasks'] : []),
    ...(counts ? ['memalloc_maybe_stalling'] : []),
    ...(layout === 'L8' ? ['memalloc_counter_fold'] : []),
    ...(globalTimer ? ['start_memalloc_timer', 'stop_memalloc_timer'] : []),
  ];
}

/** What the kernel was told at boot about the watchdog; sysctls can be set so since Linux 5.8. */
export function commandLineOf({ memalloc, options }: Kernel): string {
  const { reporter } = memalloc.version;
  if (reporter === undefined) return '';
  const prefix = reporter.knob === 'kmallocwd' ? '' : 'sysctl.kernel.';
  return ` ${prefix}${reporter.knob}=${options.kmallocwd}`;
}
