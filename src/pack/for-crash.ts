// What crash(8) reads when it starts and no answer of ours does: without some of it crash ends,
// without the rest it complains. Found with its own trace: crash 8.0.2 -d8 prints every read.

import { listEntries } from '../kernel/list.ts';
import { nodeRefs } from '../kernel/mmzone.ts';
import { cpuStacks } from '../kernel/stack-areas.ts';
import type { Vmcore } from '../target/index.ts';
import { vaddr } from '../util/address.ts';
import { VmcoreError } from '../util/errors.ts';
import { Problems } from '../util/problems.ts';
import type { LogArea } from './log-areas.ts';
import { readModuleTables } from './module-tables.ts';

/** Variables, as long as their symbols are. */
export const CRASH_VARIABLES = `
  arch_task_struct_size cpu_khz kmem_cache memory_block_size_probed nr_irqs pv_info
  shadow_timekeeper slab_caches taint_flags task_state_array xen_start_info`;

/** Variables that have pointers to names, among them masks in struct trace_print_flags. */
const NAMES = ['pageflag_names', 'pv_info', 'task_state_array'];

/** No name of these is longer, and no array of them. */
const NAME_SIZE_MAX = 64;
const NAMES_MAX = 128;

/** Addresses of the kernel are all above. */
const KERNEL_START = 1n << 63n;

/** Functions at whose start it looks for a frame pointer (x86_64_framepointer_init). */
const CHECKED_FUNCTIONS = `
  sys_open sys_fork sys_read __x64_sys_open __x64_sys_fork __x64_sys_read do_futex do_fork _do_fork
  sys_write vfs_read __schedule`;

/** Room for ftrace's nop of five bytes in front of four. */
const FUNCTION_START_SIZE = 9;

/** Functions that it disassembles; of one that is not there it cannot even start. */
const DISASSEMBLED_FUNCTIONS = ['common_interrupt', '__schedule', 'schedule', 'thread_return'];

/** It asks for as many instructions as the function has bytes, and goes on behind it. */
const BYTES_PER_INSTRUCTION = 4;

/** A function of more is a symbol that has lost its neighbour. */
const FUNCTION_SIZE_MAX = 1 << 16;

const NODE_MEMBERS = 'node_id node_start_pfn node_spanned_pages node_present_pages'.split(' ');
const ZONE_MEMBERS = 'zone_start_pfn spanned_pages present_pages'.split(' ');

/** 2 TiB in blocks of 128 MiB; machines that have more have larger ones. */
const MEMORY_BLOCKS_MAX = 1 << 14;

/** Reads it. What it copies as a whole, used or not, comes back. */
export function readForCrash(vmcore: Vmcore, cpus: readonly number[]): LogArea[] {
  for (const name of NAMES) attempt(() => readNames(vmcore, name));
  for (const name of CHECKED_FUNCTIONS.trim().split(/\s+/)) {
    const address = vmcore.symbols.lookup(name);
    if (address !== undefined) vmcore.readPresent(address, FUNCTION_START_SIZE, 'code');
  }
  const functions = DISASSEMBLED_FUNCTIONS.flatMap((name) => readFunction(vmcore, name));
  attempt(() => readMemoryBlocks(vmcore));
  attempt(() => readNodes(vmcore));
  attempt(() => readFirstCache(vmcore));
  for (const { address } of vmcore.modules.modules) {
    attempt(() => readModuleTables(vmcore, address));
  }
  const stacks = cpus.flatMap((cpu) => cpuStacks(vmcore, cpu));
  const modules = vmcore.modules.modules.flatMap(({ ranges }) => ranges);
  const whole = [...stacks, ...modules].map(({ start, end }) => ({
    address: vaddr(start),
    size: Number(end - start),
  }));
  return [...functions, ...whole];
}

/** What there is of a function; where its disassembly may end comes back. */
function readFunction(vmcore: Vmcore, name: string): LogArea[] {
  const address = vmcore.symbols.lookup(name);
  if (address === undefined) return [];
  const size = vmcore.symbols.symbolAt(address)?.size ?? 0;
  if (size > FUNCTION_SIZE_MAX) return [];
  vmcore.readPresent(address, size, 'code');
  return [{ address, size: size * BYTES_PER_INSTRUCTION }];
}

/** What the nodes span, and the zones in them with their names. */
function readNodes(vmcore: Vmcore): void {
  for (const node of nodeRefs(vmcore)) {
    for (const member of NODE_MEMBERS) attempt(() => node.member(member).integer());
    const zones = node.member('node_zones');
    const count = zones.type.kind === 'array' ? zones.type.count : 0;
    for (let i = 0; i < count; i++) {
      const zone = zones.at(i);
      for (const member of ZONE_MEMBERS) attempt(() => zone.member(member).integer());
      attempt(() => vmcore.readText(zone.member('name').pointer(), NAME_SIZE_MAX));
    }
  }
}

function readNames(vmcore: Vmcore, symbol: string): void {
  const address = vmcore.symbol(symbol);
  const size = Math.min(vmcore.symbols.symbolAt(address)?.size ?? 0, NAMES_MAX * 8);
  const bytes = vmcore.readBytes(address, size, 'variables');
  const view = new DataView(bytes.buffer);
  for (let at = 0; at + 8 <= size; at += 8) {
    const name = vaddr(view.getBigUint64(at, true));
    if (name >= KERNEL_START) vmcore.readText(name, NAME_SIZE_MAX);
  }
}

/** memory_subsys with its struct memory_block (drivers/base/memory.c), a list of devices. */
function readMemoryBlocks(vmcore: Vmcore): void {
  const list = vmcore
    .object('bus_type', vmcore.symbol('memory_subsys'))
    .member('p')
    .member('klist_devices.k_list');
  const entry = { type: vmcore.struct('device_private'), member: 'knode_bus.n_node' };
  const options = {
    ...{ problems: new Problems(), subject: 'memory blocks' },
    entriesMax: MEMORY_BLOCKS_MAX,
  };
  for (const device of listEntries(list, entry, options)) {
    const block = device.member('device').deref().containerOf(vmcore.struct('memory_block'), 'dev');
    for (const member of ['start_section_nr', 'end_section_nr', 'state', 'nid']) {
      if (block.has(member)) block.member(member).integer();
    }
    const name = block.member('dev.kobj.name').pointer();
    if (name !== 0n) vmcore.readText(name, NAME_SIZE_MAX);
  }
}

/** The cache of the caches: how large a struct kmem_cache is. */
function readFirstCache(vmcore: Vmcore): void {
  const pointer = vmcore.readBytes(vmcore.symbol('kmem_cache'), 8, 'variables');
  const address = vaddr(new DataView(pointer.buffer).getBigUint64(0, true));
  vmcore.object('kmem_cache', address).firstMember('object_size', 'objsize').integer();
}

function attempt(read: () => void): void {
  try {
    read();
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
  }
}
