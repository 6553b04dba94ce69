// What other tools read to list tasks and to unwind their stacks, beyond what a triage reads. Read
// here once, so that it is among what was read.

import { btResult } from '../kernel/bt.ts';
import { readInfo } from '../kernel/info.ts';
import { locksResult } from '../kernel/locking.ts';
import { logResult } from '../kernel/log.ts';
import { memResult } from '../kernel/mem.ts';
import { cpuSets } from '../kernel/percpu.ts';
import { cpuStacks, threadSize } from '../kernel/stack-areas.ts';
import { readTasks } from '../kernel/task.ts';
import { tasksResult } from '../kernel/tasks-result.ts';
import { xarrayEntries } from '../kernel/xarray.ts';
import type { Vmcore } from '../target/index.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../util/address.ts';
import { VmcoreError } from '../util/errors.ts';
import { Problems } from '../util/problems.ts';
import type { Ranges } from '../util/ranges.ts';
import { CRASH_VARIABLES, readForCrash } from './for-crash.ts';
import { logAreas, logHeader, physicalRanges, type LogArea } from './log-areas.ts';
import { StackCode } from './stack-code.ts';

/** Their results are of no interest, but what they read. */
const VERBS: readonly ((vmcore: Vmcore) => unknown)[] = [
  readInfo,
  tasksResult,
  (vmcore) => btResult(vmcore, { all: true }),
  locksResult,
  memResult,
];

/** Structures that are read whole, by the symbol that they lie at. */
const GLOBALS: readonly (readonly [symbol: string, struct: string])[] = [
  ['init_task', 'task_struct'],
  ['init_pid_ns', 'pid_namespace'],
  ['init_uts_ns', 'uts_namespace'],
  ['modules', 'list_head'],
];

/** Variables that other tools read whole when they start, as long as their symbols are. */
const VARIABLES = `
  __per_cpu_offset __cpu_online_mask __cpu_possible_mask __cpu_present_mask __cpu_active_mask
  pv_ops idt_table boot_cpu_data linux_banner tk_core nr_cpu_ids nr_threads jiffies_64 avenrun
  panic_cpu crashing_cpu node_data node_states contig_page_data vmap_area_list hstates
  swapper_pg_dir lookup_num_blocks high_memory max_pfn totalram_pages _totalram_pages nr_swapfiles
  mem_section swap_info crash_notes tainted_mask pageflag_names ${CRASH_VARIABLES}`;

/** Variables of each CPU that it reads, with their types; of those without one a word. */
const PER_CPU: readonly (readonly [symbol: string, struct?: string])[] = [
  ['cpu_tss_rw', 'tss_struct'],
  ['init_tss', 'tss_struct'],
  ['cpu_info', 'cpuinfo_x86'],
  ['runqueues', 'rq'],
  ['orig_ist', 'orig_ist'],
  ['cea_exception_stacks'],
  ['hardirq_stack_ptr'],
  ['irq_stack_ptr'],
  ['current_task'],
  ['pcpu_hot', 'pcpu_hot'],
  ['cpu_number'],
];

/** No variable that is asked for is longer; the last symbol of a section may seem to be. */
const VARIABLE_SIZE_MAX = 1 << 20;

/**
 * Reads what crash, drgn and makedumpfile need for tasks, stacks and, if wanted, the log, and what
 * the other verbs of ours do.
 *
 * @returns where pages have to be, with zeros in them: tools read more in one piece than they use,
 *   and a page that is not there fails all of it
 */
export function readForTools(vmcore: Vmcore, { log }: { readonly log: boolean }): Ranges {
  for (const verb of VERBS) attempt(() => verb(vmcore));
  if (log) attempt(() => logResult(vmcore));
  for (const [symbol, struct] of GLOBALS) {
    attempt(() => readWhole(vmcore, struct, vmcore.symbol(symbol)));
  }
  for (const name of VARIABLES.trim().split(/\s+/)) attempt(() => readVariable(vmcore, name));
  const cpus = [...cpuSets(vmcore).possible];
  for (const cpu of cpus) readPerCpu(vmcore, cpu);
  const code = new StackCode(vmcore);
  const whole = [...readForCrash(vmcore, cpus), ...readWholeTasks(vmcore, code)];
  for (const cpu of cpus) readCpuStacks(vmcore, cpu, code);
  whole.push(...code.read());
  attempt(() => readWholePids(vmcore));
  attempt(() => readSections(vmcore));
  for (const { address } of vmcore.modules.modules) {
    attempt(() => readWhole(vmcore, 'module', address));
  }
  for (const { address, size } of logHeader(vmcore)) vmcore.readPresent(address, size, 'log');
  // Copied as a whole, used or not; crash ends where it cannot, an empty one it takes.
  const areas = logAreas(vmcore);
  if (log) for (const { address, size } of areas) vmcore.readPresent(address, size, 'log');
  return physicalRanges(vmcore, [...whole, ...areas]);
}

/** Their stacks come back as a whole. */
function readWholeTasks(vmcore: Vmcore, code: StackCode): LogArea[] {
  const stacks: LogArea[] = [];
  const size = threadSize(vmcore);
  const { tasks, idle } = readTasks(vmcore);
  const seen = new Set<string>();
  for (const { address, stack, signal, mm, onCpu } of [...idle, ...tasks]) {
    attempt(() => readWhole(vmcore, 'task_struct', vaddr(BigInt(address))));
    if (stack !== undefined && BigInt(stack) !== 0n) {
      stacks.push({ address: vaddr(BigInt(stack)), size });
      attempt(() => readStack(vmcore, { address, stack, onCpu, size }, code));
    }
    for (const [struct, at] of [
      ['signal_struct', signal],
      ['mm_struct', mm],
    ] as const) {
      if (at === undefined || BigInt(at) === 0n || seen.has(at)) continue;
      seen.add(at);
      attempt(() => readWhole(vmcore, struct, vaddr(BigInt(at))));
    }
  }
  return stacks;
}

/**
 * What a task's calls have on its stack, from where it was switched out: what is below was left by
 * calls that have returned. Where one that runs has come to is not in its task_struct.
 */
function readStack(vmcore: Vmcore, { address, stack, onCpu, size }: Stack, code: StackCode): void {
  const base = vaddr(BigInt(stack));
  const task = vmcore.object('task_struct', vaddr(BigInt(address)));
  const used = onCpu === true ? 0 : Number(task.member('thread.sp').pointer() - base);
  const from = used > 0 && used < size ? used : 0;
  vmcore.readPresent(vaddrAdd(base, from), size - from, 'stack', (part) => code.add(part));
}

interface Stack {
  readonly address: string;
  readonly stack: string;
  readonly onCpu: boolean | undefined;
  readonly size: number;
}

/** The stack that a CPU was on when it stopped, for interrupts or exceptions, whole. */
function readCpuStacks(vmcore: Vmcore, cpu: number, code: StackCode): void {
  for (const { start, end } of cpuStacks(vmcore, cpu)) {
    vmcore.readPresent(start, Number(end - start), 'stack', (part) => code.add(part));
  }
}

/** struct pid of each pid, with the nodes of the tree that leads to them. */
function readWholePids(vmcore: Vmcore): void {
  const root = vmcore.global('init_pid_ns').member('idr.idr_rt');
  const problems = new Problems();
  for (const { pointer } of xarrayEntries(root, { problems, subject: 'pid IDR' })) {
    attempt(() => readPid(vmcore, pointer));
  }
}

/** With `numbers`, one for each level: its length is 1 before 6.5 and none since (b69f0aeb0689). */
function readPid(vmcore: Vmcore, address: Vaddr): void {
  readWhole(vmcore, 'pid', address);
  const pid = vmcore.object('pid', address);
  const level = Math.min(pid.member('level').number(), PID_LEVEL_MAX);
  const { address: numbers } = pid.member('numbers');
  vmcore.readPresent(numbers, (level + 1) * vmcore.struct('upid').size, 'pid');
}

/** MAX_PID_NS_LEVEL (kernel/pid_namespace.c). */
const PID_LEVEL_MAX = 32;

/** What says where struct page lies: makedumpfile reads it before anything, the log too. */
function readSections(vmcore: Vmcore): void {
  const count = Math.min(vmcore.vmcoreinfo.length('mem_section') ?? 0, SECTION_ROOTS_MAX);
  const roots = vmcore.global('mem_section').pointer();
  vmcore.readPresent(roots, count * 8, MEM_SECTION);
  for (let i = 0; i < count; i++) {
    attempt(() => {
      const bytes = vmcore.readBytes(vaddrAdd(roots, i * 8), 8, MEM_SECTION);
      const root = vaddr(new DataView(bytes.buffer).getBigUint64(0, true));
      if (root !== 0n) vmcore.readPresent(root, ROOT_SIZE, MEM_SECTION);
    });
  }
}

const MEM_SECTION = 'mem_section';

/** NR_SECTION_ROOTS with five levels of page tables. */
const SECTION_ROOTS_MAX = 1 << 17;

/** SECTIONS_PER_ROOT fill a page (include/linux/mmzone.h). */
const ROOT_SIZE = 4096;

function readPerCpu(vmcore: Vmcore, cpu: number): void {
  for (const [symbol, struct] of PER_CPU) {
    attempt(() => {
      const address = vaddr(vmcore.symbol(symbol) + vmcore.perCpuOffset(cpu));
      const size = struct === undefined ? 8 : vmcore.struct(struct).size;
      vmcore.readPresent(address, size, 'per-CPU data');
    });
  }
}

/** A variable as far as its symbol reaches. */
function readVariable(vmcore: Vmcore, name: string): void {
  const address = vmcore.symbols.lookup(name);
  const size = address === undefined ? 0 : (vmcore.symbols.symbolAt(address)?.size ?? 0);
  if (address !== undefined && size <= VARIABLE_SIZE_MAX) {
    vmcore.readPresent(address, size, 'variables');
  }
}

function readWhole(vmcore: Vmcore, struct: string, address: Vaddr): void {
  vmcore.readPresent(address, vmcore.struct(struct).size, struct);
}

/** One structure that is missing is no reason to keep no other. */
function attempt(read: () => unknown): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
  }
}
