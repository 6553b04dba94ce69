// The kernel's global and per-CPU variables that readers of dumps start from. Sections .data, .bss
// and the per-CPU area of each CPU.

import { PAGE_SIZE } from '../../arch/x86-64.ts';
import { sizeOf, type TypeSource } from '../../types/ctype.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import { THREAD_SIZE, type Areas } from './areas.ts';
import type { ImageFlavour } from './image-flavour.ts';
import type { KernelImage, SectionName } from './kernel-image.ts';
import type { KernelMemory } from './kernel-memory.ts';
import type { MachineFacts } from './machine-facts.ts';
import { definePatch, type Patch } from './patch.ts';

/** JIFFIES_SHIFT: 6 or 7 by HZ, 8 since HZ fits (kernel/time/jiffies.h, HZ of 100 and more). */
const JIFFIES_SHIFT = 8;
const NSEC_PER_SEC = 1_000_000_000;

/** struct upid of a pid in the first namespace, behind the `struct pid`. */
const PID_LEVELS = 1;

/** Which bitmaps of CPUs there are (kernel/cpu.c). */
const CPU_MASKS = ['possible', 'present', 'online', 'active'];

/** A UUID (drivers/char/random.c). */
const BOOT_ID_SIZE = 16;

/** Entries of __per_cpu_offset are NR_CPUS, one for each bit of a cpumask. */
const BITS_PER_BYTE = 8;

/** Where the variables of one CPU are: what to add to the address of a per-CPU symbol. */
export type PerCpuOffsets = readonly Vaddr[];

/** Gives every variable its symbol. */
export function defineVariables(
  image: KernelImage,
  types: TypeSource,
  { patch, flavour }: { patch: Patch; flavour: ImageFlavour },
): void {
  definePageTables(image, flavour);
  const struct = (name: string): number => structSize(types, name);
  const pidSize = struct('pid') + PID_LEVELS * struct('upid');
  const maskSize = struct('cpumask');
  const places: [section: SectionName, name: string, size: number, align?: number][] = [
    ['data', 'init_task', struct('task_struct'), 64],
    ['data', 'init_pid_ns', struct('pid_namespace'), 64],
    ['data', 'init_struct_pid', pidSize, 64],
    ['data', 'init_uts_ns', struct('uts_namespace'), 64],
    ['data', 'init_mm', struct('mm_struct'), 64],
    ['data', 'jiffies_64', 8, 64],
    ['data', 'phys_base', 8],
    ['data', '__per_cpu_offset', maskSize * BITS_PER_BYTE * 8, 32],
    ['data', 'loops_per_jiffy', 8],
    ['data', 'nr_cpu_ids', 4],
    ['data', 'pid_max', 4],
    ['bss', 'nr_threads', 4],
    ['bss', 'saved_command_line', 8],
    ['bss', 'vmcoreinfo_size', 8],
    ['bss', 'sysctl_bootid', BOOT_ID_SIZE],
    ['percpu', 'cpu_number', 4],
    ['percpu', 'this_cpu_off', 8],
    ['percpu', 'current_task', 8, 64],
    ['percpu', 'runqueues', struct('rq'), 64],
  ];
  // Who is first in the per-CPU area is said by the flavour.
  flavour.variables.define(image, struct);
  for (const kind of CPU_MASKS) {
    image.define(flavour.variables.cpuMask(kind), { section: 'data', size: maskSize });
  }
  for (const [section, name, size, align = 8] of places)
    image.define(name, { section, size, align });
  image.mark('jiffies', image.symbol('jiffies_64'), 'D');
  defineLocals(image, types, patch);
}

/** Marks where sections end; every variable must have its place. */
export function defineSectionEnds(image: KernelImage): void {
  image.mark('__per_cpu_start', vaddr(0n), 'A');
  image.mark('__per_cpu_end', image.used('percpu'), 'A');
  image.mark('_edata', image.used('data'), 'D');
  image.mark('__bss_start', image.section('bss').address, 'B');
  image.mark('_end', vaddrAdd(image.start, image.size), 'B');
}

/** Writes the variables; tasks, pids and run queues are tasks.ts's. */
export function writeVariables(
  image: KernelImage,
  areas: Areas,
  { facts, flavour }: { facts: MachineFacts; flavour: ImageFlavour },
): void {
  const { memory } = areas;
  const set = (name: string, value: bigint | number, size: 4 | 8 = 8): void =>
    memory.writeInteger(image.symbol(name), value, size);
  set('jiffies_64', facts.jiffies);
  set('phys_base', image.kaslr.physBase);
  const { pageOffsetBase, vmallocBase, vmemmapBase } = facts.kaslr;
  const bases = { page_offset_base: pageOffsetBase, vmalloc_base: vmallocBase };
  for (const [name, base] of Object.entries({ ...bases, vmemmap_base: vmemmapBase })) {
    if (image.has(name)) set(name, base);
  }
  set('tsc_khz', facts.tscKhz, 4);
  set('cpu_khz', facts.tscKhz, 4);
  set('loops_per_jiffy', Math.floor((facts.tscKhz * 1000) / facts.hz));
  set('nr_cpu_ids', facts.cpuCount, 4);
  set('pid_max', 32768, 4);
  const mask = cpumask(memory, facts.cpuCount);
  for (const kind of CPU_MASKS) {
    memory.write(image.symbol(flavour.variables.cpuMask(kind)), mask);
  }
  writeClocksource(image, memory, facts.hz);
  writeUtsname(image, memory, facts);
  const stack = image.symbol('init_thread_union');
  memory.physical.touch(image.paddrOf(stack), THREAD_SIZE);
  areas.markStackEnd(stack);
  const {
    commandLine = `BOOT_IMAGE=/boot/vmlinuz-${facts.release} root=/dev/vda1 ro kmallocwd=0`,
  } = facts;
  const at = areas.allocatePages(PAGE_SIZE);
  memory.write(at, new Uint8Array(Buffer.from(`${commandLine}\0`, 'latin1')));
  set('saved_command_line', at);
  if (facts.bootId !== undefined) memory.write(image.symbol('sysctl_bootid'), facts.bootId);
}

/** A `struct cpumask` with the first CPUs in it. @throws AssertionError beyond its NR_CPUS */
function cpumask(memory: KernelMemory, cpuCount: number): Uint8Array {
  const mask = new Uint8Array(memory.struct('cpumask').size);
  assert(cpuCount <= mask.length * BITS_PER_BYTE, `${cpuCount} CPUs in ${mask.length} bytes`);
  for (let cpu = 0; cpu < cpuCount; cpu++) {
    mask[Math.floor(cpu / BITS_PER_BYTE)]! |= 1 << (cpu % BITS_PER_BYTE);
  }
  return mask;
}

/** Makes the per-CPU area of each CPU, as the embedding first chunk has them: in the direct map. */
export function writePerCpu(image: KernelImage, areas: Areas, cpuCount: number): PerCpuOffsets {
  const { memory } = areas;
  const offsets: Vaddr[] = [];
  for (let cpu = 0; cpu < cpuCount; cpu++) {
    // Symbols of per-CPU variables count from 0, so the offset is the address of the area.
    const offset = areas.allocatePages(image.perCpuSize);
    offsets.push(offset);
    memory.writeInteger(vaddrAdd(image.symbol('__per_cpu_offset'), cpu * 8), offset, 8);
    memory.writeInteger(perCpu(image, offset, 'this_cpu_off'), offset, 8);
    memory.writeInteger(perCpu(image, offset, 'cpu_number'), cpu, 4);
  }
  return offsets;
}

/** Where a CPU has its copy of a per-CPU variable. */
export function perCpu(image: KernelImage, offset: Vaddr, name: string): Vaddr {
  return vaddr(image.symbol(name) + offset);
}

function definePageTables(image: KernelImage, { rootTable }: ImageFlavour): void {
  image.mark('_sdata', image.section('data').address, 'D');
  image.define('init_thread_union', { section: 'data', size: THREAD_SIZE, align: THREAD_SIZE });
  for (const name of [rootTable, 'level3_kernel_pgt', 'level2_kernel_pgt']) {
    image.define(name, { section: 'data', size: PAGE_SIZE, align: PAGE_SIZE });
  }
}

/** Variables that are `static`. */
function defineLocals(image: KernelImage, types: TypeSource, patch: Patch): void {
  const local = { section: 'data', local: true } as const;
  image.define('init_signals', { ...local, size: structSize(types, 'signal_struct'), align: 64 });
  if (types.find('struct', 'clocksource') !== undefined) {
    image.define('clocksource_jiffies', {
      ...local,
      size: structSize(types, 'clocksource'),
      align: 64,
    });
  }
  definePatch(image, patch);
  image.define('tsc_khz', { section: 'data', size: 4, align: 4 });
  image.define('cpu_khz', { section: 'data', size: 4, align: 4 });
}

function writeClocksource(image: KernelImage, memory: KernelMemory, hz: number): void {
  if (!image.has('clocksource_jiffies')) return;
  const tickNs = Math.floor((NSEC_PER_SEC + hz / 2) / hz);
  memory.store('clocksource', image.symbol('clocksource_jiffies'), {
    mask: 0xffffffff,
    mult: tickNs * 2 ** JIFFIES_SHIFT,
    shift: JIFFIES_SHIFT,
    rating: 1,
    max_cycles: 10,
  });
}

function writeUtsname(image: KernelImage, memory: KernelMemory, facts: MachineFacts): void {
  const text = (value: string): Uint8Array => new Uint8Array(Buffer.from(value, 'latin1'));
  memory.store('uts_namespace', image.symbol('init_uts_ns'), {
    'name.sysname': text('Linux'),
    'name.nodename': text(facts.nodename),
    'name.release': text(facts.release),
    'name.version': text(facts.version),
    'name.machine': text('x86_64'),
    'name.domainname': text('(none)'),
  });
}

function structSize(types: TypeSource, name: string): number {
  const type = types.find('struct', name);
  assert(type?.kind === 'struct', `${types.origin} has no struct ${name}`);
  return sizeOf(type);
}
