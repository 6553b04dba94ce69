// Machines with every version of the kmallocwd patch. Real dumps have v3 alone, so these are made
// as the sample is (src/sim/image), with another record in task_struct, described by BTF of its
// own, and with the variables and format strings that the version brought. The strings are those
// of the patches as they were mailed to linux-mm.

import { readFileSync } from 'node:fs';
import type { MemallocFormatId } from '../../src/kernel/memalloc-format.ts';
import type { MemallocLayoutId } from '../../src/kernel/memalloc.ts';
import { THREAD_SIZE } from '../../src/sim/image/areas.ts';
import type { MachineFacts, ProcessFacts } from '../../src/sim/image/machine-facts.ts';
import { buildMachine, type MachineImage } from '../../src/sim/image/machine.ts';
import type { Patch, PatchVariable } from '../../src/sim/image/patch.ts';
import { StructWriter } from '../../src/sim/image/struct-writer.ts';
import type { PlacedThread } from '../../src/sim/image/tasks.ts';
import type { Vmcore } from '../../src/target/vmcore.ts';
import { findMember, type StructType } from '../../src/types/ctype.ts';
import { readLayout, type LayoutTypes } from '../../src/types/layout.ts';
import { USED_ENUMERATORS, USED_TYPES } from '../../src/types/used-structs.ts';
import { vaddrAdd, type Vaddr } from '../../src/util/address.ts';
import { withImage } from './simulated.ts';
import { threeStalls } from './three-stalls-facts.ts';
import { threeStallsTypes } from './three-stalls.ts';

/** HZ of these machines. */
export const HZ = 250;

/** A record in words that every layout has; a layout leaves out what it has no member for. */
export interface RecordFacts {
  readonly depth: number;
  /** As in memory. */
  readonly sequence?: number;
  /** Seconds since the request began. */
  readonly age: number;
  /** -1 for a mempool request. */
  readonly order?: number;
  readonly gfp: number;
  readonly dumped?: number;
  readonly type?: number;
  readonly report?: boolean;
  readonly idx?: number;
  readonly knownLocation?: number;
}

/** A layout file, as far as it is edited here. */
export interface LayoutJson {
  baseTypes: Record<string, unknown>;
  structs: Record<
    string,
    { kind: string; size: number; members: Record<string, { offset: number; type: string }> }
  >;
}

/** What a test chooses. */
export interface LayoutMachineOptions {
  readonly version: MemallocFormatId;
  readonly processes: readonly ProcessFacts[];
  /** By pid. */
  readonly records: Readonly<Record<number, RecordFacts>>;
  /** kmallocwd_timeout in jiffies or the sysctl in seconds, whichever the version has. */
  readonly timeout: bigint;
  /** Instead of the version's own messages; none for a dump without them. */
  readonly messages?: readonly string[];
  /** The index of the counter that new requests are counted in. */
  readonly activeIndex?: number;
  /** Enumerators of BTF; those that layout files carry unless told. */
  readonly enumerators?: readonly string[];
  /** Changes the kernel's types. */
  readonly editTypes?: (layout: LayoutJson) => void;
  /** Changes the memory; `types` are the changed ones. */
  readonly editMemory?: (machine: MachineImage, types: LayoutTypes) => void;
}

interface Version {
  readonly layout: MemallocLayoutId;
  readonly messages: readonly string[];
  readonly variables: (timeout: bigint) => readonly PatchVariable[];
}

const INFO = '\x014MemAlloc-Info: ';
const TASK = '\x014MemAlloc: ';
const OLD_INFO = `${INFO}%u stalling task, %u dying task, %u victim task.\n`;
const NEW_INFO = `${INFO}stalling=%u dying=%u exiting=%u victim=%u oom_count=%u`;
const NEW_TASK = `${TASK}%s(%u) flags=0x%x switches=%lu%s%s%s%s%s\n`;
const WORDS = [' uninterruptible', ' exiting', ' dying', ' victim'];
const WORDS_BEFORE_V3 = WORDS.filter((word) => word !== ' exiting');
const NAMED = ' seq=%u gfp=0x%x(%pGg) order=%u delay=%lu';

/** out_of_memory_count and no_out_of_memory_count of every machine that counts. */
export const OOM_COUNT = 45896;
export const NO_OOM_COUNT = 3;

const local = { section: 'bss', local: true } as const;
const global = { section: 'data', local: false } as const;

const INSPECTED: PatchVariable = { ...local, name: 'memalloc', size: 24 };
const OOM: PatchVariable = {
  ...global,
  name: 'out_of_memory_count',
  size: 4,
  value: BigInt(OOM_COUNT),
};
const NO_OOM: PatchVariable = {
  ...global,
  name: 'no_out_of_memory_count',
  size: 4,
  value: BigInt(NO_OOM_COUNT),
};
const PER_CPU: readonly PatchVariable[] = [
  { name: 'memalloc_in_flight', section: 'percpu', local: true, size: 8 },
  { ...local, name: 'memalloc_active_index', size: 1 },
];

function boot(value: bigint): PatchVariable {
  return { section: 'data', local: true, name: 'kmallocwd_timeout', size: 8, value };
}

function sysctl(what: string, value: bigint): PatchVariable {
  return { ...global, name: `sysctl_memalloc_task_${what}_secs`, size: 8, value };
}

/** Every version that prints lines of its own. */
const VERSIONS: Readonly<Record<MemallocFormatId, Version>> = {
  v1: {
    layout: 'L1',
    messages: [
      OLD_INFO,
      `${TASK}%s(%u) gfp=0x%x order=%u delay=%lu\n`,
      `${TASK}%s(%u)%s%s%s\n`,
      ...WORDS_BEFORE_V3,
    ],
    variables: (timeout) => [
      boot(timeout),
      { ...local, name: 'memalloc_counter_active_index', size: 1 },
      { ...local, name: 'memalloc_counter', size: 8 },
      { ...local, name: 'memalloc_list', size: 16, section: 'data' },
      { ...local, name: 'memalloc_list_lock', size: 4 },
    ],
  },
  v2: {
    layout: 'L2',
    messages: [
      OLD_INFO,
      ' gfp=0x%x order=%u delay=%lu',
      `${TASK}%s(%u)%s%s%s%s\n`,
      ...WORDS_BEFORE_V3,
    ],
    variables: (timeout) => [
      boot(timeout),
      INSPECTED,
      { ...local, name: 'memalloc_lock', size: 8, section: 'data' },
    ],
  },
  v3: {
    layout: 'L3',
    messages: [OLD_INFO, `${TASK}%s(%u)%s%s%s%s%s\n`, ...WORDS],
    variables: (timeout) => [boot(timeout), INSPECTED],
  },
  v4: {
    layout: 'L4',
    messages: [OLD_INFO, `${TASK}%s(%u)%s%s%s%s%s\n`, ...WORDS],
    variables: (timeout) => [boot(timeout), INSPECTED],
  },
  '2016-02-09': {
    layout: 'L4',
    messages: [
      `${INFO}%u stalling task, %u dying task, %u exiting task, %u victim task. oom_count=%u\n`,
      NAMED,
      `${TASK}%s(%u)%s%s%s%s%s\n`,
      ...WORDS,
    ],
    variables: (timeout) => [sysctl('timeout', timeout), INSPECTED, OOM],
  },
  '2016-02-11': {
    layout: 'L4',
    messages: [
      `${INFO}stalling=%u dying=%u exiting=%u, victim=%u oom_count=%u\n`,
      NAMED,
      `${TASK}%s(%u) flags=0x%x%s%s%s%s%s\n`,
      ...WORDS,
    ],
    variables: (timeout) => [sysctl('timeout', timeout), INSPECTED, OOM],
  },
  '2016-02-25': {
    layout: 'L4',
    messages: [`${NEW_INFO}/%u\n`, NAMED, NEW_TASK, ...WORDS],
    variables: (timeout) => [sysctl('timeout', timeout), INSPECTED, OOM, NO_OOM],
  },
  '2016-03-02': {
    layout: 'L4k',
    messages: [
      `${NEW_INFO}/%u\n`,
      NAMED,
      NEW_TASK,
      ...WORDS,
      '\x014Call Trace: looping inside shrink_inactive_list()\n',
      '\x014Call Trace: waiting for oom_lock\n',
    ],
    variables: (timeout) => [sysctl('timeout', timeout), INSPECTED, OOM, NO_OOM],
  },
  v5: {
    layout: 'L5',
    messages: [`${NEW_INFO}\n`, NAMED, NEW_TASK, ...WORDS],
    variables: (timeout) => [sysctl('timeout', timeout), INSPECTED, OOM, ...PER_CPU],
  },
  v8: {
    layout: 'L8',
    messages: [`${NEW_INFO}\n`, NAMED, NEW_TASK, ...WORDS],
    variables: (timeout) => [sysctl('warning', timeout), INSPECTED, OOM, ...PER_CPU],
  },
  rfc: {
    layout: 'LR',
    messages: [`\x016MemAlloc: %s(%u) flags=0x%x switches=%lu${NAMED}\n`],
    variables: () => [],
  },
  rfc2: {
    layout: 'LR',
    messages: [`\x016MemAlloc: %s(%u) flags=0x%x switches=%lu${NAMED}%s\n`, ' uninterruptible'],
    variables: () => [],
  },
};

/** Builds the machine, writes it to a file and opens that for the time of `use`. */
export async function withLayoutMachine<T>(
  options: LayoutMachineOptions,
  use: (vmcore: Vmcore) => T,
): Promise<T> {
  return withImage(layoutMachine(options), use);
}

const SAMPLE_TYPES = threeStallsTypes();

function layoutMachine(options: LayoutMachineOptions): MachineImage {
  const version = VERSIONS[options.version];
  const patch: Patch = {
    messages: options.messages ?? version.messages,
    variables: version.variables(options.timeout),
  };
  const types = typesWith(version.layout, options.editTypes);
  const stalls = threeStalls();
  // None of these processes runs, so every CPU runs its idle task.
  const idle = stalls.idle.map((task) => ({ ...task, onCpu: true }));
  const facts: MachineFacts = { ...stalls, idle, processes: options.processes };
  const machine = buildMachine(facts, {
    types: SAMPLE_TYPES,
    btfTypes: types,
    btfNames: USED_TYPES,
    btfEnumerators: options.enumerators ?? USED_ENUMERATORS,
    patch,
  });
  writeRecords(machine, { types, layout: version.layout, records: options.records });
  for (const name of ['memalloc_active_index', 'memalloc_counter_active_index']) {
    if (!machine.kernel.has(name)) continue;
    machine.areas.memory.write(
      machine.kernel.symbol(name),
      Uint8Array.of(options.activeIndex ?? 0),
    );
  }
  options.editMemory?.(machine, types);
  return machine;
}

const STRUCTS = new URL('../../structs/', import.meta.url);

function layoutJson(name: string): LayoutJson {
  return JSON.parse(readFileSync(new URL(name, STRUCTS), 'utf8')) as LayoutJson;
}

/** The types of the sample's kernel with another record. */
function typesWith(layout: MemallocLayoutId, edit?: (layout: LayoutJson) => void): LayoutTypes {
  const kernel = layoutJson('6.1.192-kmallocwd2-x86_64.json');
  const record = layoutJson(`memalloc-${layout}.json`);
  delete kernel.structs.memalloc_info;
  if (layout === 'L1') delete kernel.structs.task_struct?.members.memalloc;
  Object.assign(kernel.baseTypes, { ...record.baseTypes, ...kernel.baseTypes });
  Object.assign(kernel.structs, { ...record.structs, ...kernel.structs });
  edit?.(kernel);
  return readLayout(JSON.stringify(kernel), `types with layout ${layout}`);
}

interface RecordsToWrite {
  readonly types: LayoutTypes;
  readonly layout: MemallocLayoutId;
  readonly records: Readonly<Record<number, RecordFacts>>;
}

function writeRecords(machine: MachineImage, about: RecordsToWrite): void {
  const { memory } = machine.areas;
  const threads = machine.tasks.processes.flatMap((process) => process.threads);
  const requests = threads.flatMap((thread) => {
    const facts = about.records[thread.facts.pid];
    return facts === undefined ? [] : [{ thread, facts }];
  });
  if (about.layout === 'L1') {
    linkRequests(machine, structOf(about.types, 'memalloc'), requests);
    return;
  }
  const struct = structOf(about.types, 'memalloc_info');
  const place = findMember(structOf(about.types, 'task_struct'), 'memalloc');
  if (place === undefined) throw new Error('task_struct has no member memalloc');
  for (const { thread, facts } of requests) {
    const bytes = recordBytes(struct, facts, machine.facts.jiffies);
    memory.write(vaddrAdd(thread.task, place.bitOffset / 8), bytes);
  }
}

function structOf(types: LayoutTypes, name: string): StructType {
  const struct = types.find('struct', name);
  if (struct?.kind !== 'struct') throw new Error(`no struct ${name}`);
  return struct;
}

function recordBytes(struct: StructType, facts: RecordFacts, jiffies: bigint): Uint8Array {
  const writer = new StructWriter(struct);
  const members = {
    valid: facts.depth,
    in_flight: facts.depth,
    sequence: facts.sequence ?? 0,
    start: jiffies - BigInt(facts.age * HZ),
    order: facts.order ?? 0,
    gfp: facts.gfp,
    dumped: facts.dumped ?? 0,
    type: facts.type ?? 0,
    report: facts.report ?? false,
    idx: facts.idx ?? 0,
    index: facts.idx ?? 0,
    known_locations: facts.knownLocation ?? 0,
  };
  for (const [name, value] of Object.entries(members)) {
    if (writer.has(name)) writer.set(name, value);
  }
  return writer.bytes;
}

/** One frame of __alloc_pages_slowpath() a nested request, at the top of the stack. */
const FRAME_SIZE = 0x100;
/** A request and one nested in it; the depths of a counter that was damaged are not on a list. */
const LIST_DEPTH_MAX = 2;

/**
 * memalloc_list of v1: an entry on its task's stack for each request in flight, one more for each
 * that is nested in it. The oldest comes first, as list_add_tail() leaves them.
 */
function linkRequests(
  { areas, kernel, facts: { jiffies } }: MachineImage,
  struct: StructType,
  requests: readonly { thread: PlacedThread; facts: RecordFacts }[],
): void {
  const { memory } = areas;
  const entries = requests
    .filter(({ facts }) => facts.depth <= LIST_DEPTH_MAX)
    .flatMap(({ thread, facts }) =>
      Array.from({ length: facts.depth }, (_, level) => ({
        thread,
        facts: { ...facts, age: facts.age / (level + 1) },
        at: vaddrAdd(thread.stack, THREAD_SIZE - (level + 4) * FRAME_SIZE),
      })),
    )
    .sort((a, b) => b.facts.age - a.facts.age);
  const nodes: Vaddr[] = [kernel.symbol('memalloc_list'), ...entries.map(({ at }) => at)];
  for (const { thread, facts, at } of entries) {
    memory.write(at, recordBytes(struct, facts, jiffies));
    memory.writeInteger(vaddrAdd(at, 16), thread.task, 8);
  }
  nodes.forEach((node, i) => {
    memory.writeInteger(node, nodes[(i + 1) % nodes.length] as Vaddr, 8);
    memory.writeInteger(vaddrAdd(node, 8), nodes.at(i - 1) as Vaddr, 8);
  });
}
