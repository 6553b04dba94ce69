// A whole machine in memory: from its facts to an image that a dump can be taken of.

import type { TypeSource } from '../../types/ctype.ts';
import type { TypeName } from '../../types/layout-write.ts';
import type { Vaddr } from '../../util/address.ts';
import { Areas } from './areas.ts';
import { encodeBtf } from './btf.ts';
import { placeKallsyms } from './kallsyms.ts';
import { defineLocks, placeLocks, writeLocks } from './locks.ts';
import { defineLogBuffer, writeLogBuffer } from './log-buffer.ts';
import { defineCode, writeCode } from './kernel-code.ts';
import { IMAGE_6_1 } from './image-6-1.ts';
import type { ImageFlavour } from './image-flavour.ts';
import { KernelImage, type ImageSymbol } from './kernel-image.ts';
import type { MachineFacts } from './machine-facts.ts';
import type { PhysicalImage } from './physical-image.ts';
import { kernelRanges, placeMemory, planMemory, type MemoryPlan } from './memory.ts';
import { memMapKeys, writeMemMap } from './mem-map.ts';
import { kmallocwdV3, writePatch, writePatchPerCpu, type Patch } from './patch.ts';
import type { WaitEntryOf } from './node.ts';
import { defineOom, oomCode, writeOom } from './oom.ts';
import { writePids } from './pids.ts';
import { defineQueues, writeQueues } from './queues.ts';
import { Rodata } from './rodata.ts';
import { defineMemMap, Sections } from './sections.ts';
import { writeStacks } from './stacks.ts';
import { defineOrc, writeOrcTables } from './orc.ts';
import { defineCrashNotes, writeCrashNotes, type CpuStatus } from './prstatus.ts';
import { defineScheduler, writeRunQueues } from './runqueues.ts';
import { placeTasks, writeTasks, type PlacedTasks } from './tasks.ts';
import { placeUserMemory } from './user-memory.ts';
import {
  defineSectionEnds,
  defineVariables,
  writePerCpu,
  writeVariables,
  type PerCpuOffsets,
} from './variables.ts';
import { placeVmcoreinfo } from './vmcoreinfo.ts';
import { defineWorkqueues, writeWorkqueues } from './workqueues.ts';

const NO_QUEUES: NonNullable<MachineFacts['queues']> = { waitQueues: [], mempools: [] };

/** How {@link buildMachine} makes the image. */
export interface MachineOptions {
  /** The types of the kernel, with the record of the patch. */
  readonly types: TypeSource;
  /** What else is the kernel's own; Linux 6.1 unless told. */
  readonly flavour?: ImageFlavour;
  /** The types that the image's BTF has, and enumerators of enums without a name. */
  readonly btfNames: readonly TypeName[];
  readonly btfEnumerators?: readonly string[];
  /** What BTF describes, where it is not what the image is written by. */
  readonly btfTypes?: TypeSource;
  /** The version of the patch; v3 unless told. */
  readonly patch?: Patch;
  /**
   * All of RAM, as before a filter: also users' pages and free ones, and a struct page for each
   * page frame. Without it the image is what a filter leaves.
   */
  readonly unfiltered?: boolean;
  /** The image of the same machine at an earlier instant: what lives on lies where it lay. */
  readonly former?: Pick<MachineImage, 'facts' | 'tasks'>;
  /** The most pages that the image may take. */
  readonly pageCountMax?: number;
}

/** The memory of a machine at the instant of the dump. */
export interface MachineImage {
  readonly facts: MachineFacts;
  readonly kernel: KernelImage;
  readonly physical: PhysicalImage;
  readonly areas: Areas;
  readonly tasks: PlacedTasks;
  /** Where the locks lie, in the order of the facts. */
  readonly locks: readonly Vaddr[];
  /** Where the mempools lie, in the order of the facts. */
  readonly mempools: readonly Vaddr[];
  readonly vmcoreinfo: Uint8Array;
  /** What each CPU was doing, in the order of the CPUs. */
  readonly statuses: readonly CpuStatus[];
  /** All of RAM is there; else what makedumpfile -d 31 leaves. */
  readonly unfiltered: boolean;
  readonly btf: Uint8Array;
  readonly symbols: readonly ImageSymbol[];
}

/**
 * Writes the machine. The same facts and types give the same bytes.
 *
 * @throws AssertionError if the facts contradict each other or the types lack what they need
 */
export function buildMachine(facts: MachineFacts, options: MachineOptions): MachineImage {
  const { types, unfiltered = false, flavour = IMAGE_6_1, former } = options;
  const { kernelOffset, physBase } = facts.kaslr;
  const image = new KernelImage({ kernelOffset, physBase });
  const patch = options.patch ?? kmallocwdV3(facts.kmallocwdTimeout);
  const btf = encodeBtf(options.btfTypes ?? types, {
    names: options.btfNames,
    enumerators: options.btfEnumerators ?? [],
  });
  const { banner, buildId } = facts;
  const code = { ...flavour.code, ...oomCode(types, facts.oom) };
  defineCode(image, code, facts.functions);
  const orc =
    types.find('struct', 'orc_entry') === undefined
      ? undefined
      : defineOrc(image, types, { facts, functions: functionNames(facts, code) });
  defineLocks(image, types, facts.locks);
  defineOom(image, facts.oom);
  if (facts.log !== undefined) defineLogBuffer(image, types);
  const rodata = new Rodata(image, {
    ...flavour,
    ...{ banner, buildId, btf, messages: patch.messages },
  });
  // The first per-CPU variable of a flavour has to lie at 0: the canary is at gs:40.
  defineVariables(image, types, { patch, flavour });
  const memory = planMemory(image, types, { facts: facts.memory, flavour });
  if (unfiltered && memory === undefined) defineMemMap(image, types, flavour.memSection);
  defineScheduler(image, types);
  if (facts.queues !== undefined) defineQueues(image, types, facts.queues);
  const workqueues = defineWorkqueues(image, types, facts.workqueues);
  const crashNotes = defineCrashNotes(image);
  defineSectionEnds(image);
  const { ramBytes, kaslr } = facts;
  const areas = new Areas({
    ...{ ...options, flavour, ramBytes, kaslr, image },
    ...(memory === undefined ? {} : { kernelRanges: kernelRanges(memory.facts) }),
  });
  writeCode(image, areas.memory, code);
  rodata.write(areas.memory);
  writeVariables(image, areas, { facts, flavour });
  writePatch(image, areas.memory, patch);
  if (facts.log !== undefined) writeLogBuffer(image, areas.memory, facts.log);
  const offsets = writePerCpu(image, areas, facts.cpuCount);
  writePatchPerCpu(image, areas.memory, { patch, offsets });
  const tasks = placeTasks(image, areas, { facts, former: former?.tasks });
  const { locks: lockFacts = [] } = facts;
  const locks = placeLocks(image, areas, { locks: lockFacts, tasks, former: former?.facts.locks });
  writeTasks(image, areas, { ...tasks, hz: facts.hz, cputime: flavour.cputime });
  const { waiters, waitEntries, statuses } = writeStacks(image, areas, {
    tasks,
    frames: orc?.frames,
  });
  if (orc !== undefined) writeOrcTables(image, areas.memory, orc);
  writeCrashNotes(image, areas.memory, { at: crashNotes, offsets, statuses });
  writeLocks(areas, { locks: lockFacts, places: locks, tasks, waiters });
  writePids(image, areas, tasks);
  writeOom(image, areas, { facts: facts.oom, tasks });
  const waitEntryOf = (pid: number): Vaddr | undefined => waitEntries.get(pid);
  const { queues = NO_QUEUES } = facts;
  const mempools = writeQueues(image, areas, { facts: queues, waitEntryOf });
  writeRunQueues(image, areas, { tasks, offsets, clockNs: facts.clockNs ?? 0 });
  writeWorkqueues(image, areas, { plan: workqueues, offsets, tasks });
  placeKallsyms(image, areas.memory, flavour.kallsyms);
  const parts = { facts, flavour, memory, offsets, tasks, waitEntryOf, unfiltered };
  const vmcoreinfo = writeMemoryState(image, areas, parts);
  const { physical } = areas.memory;
  const symbols = image.symbols();
  const places = { statuses, kernel: image, physical, areas, tasks, locks, mempools, symbols };
  return { facts, unfiltered, ...places, vmcoreinfo, btf };
}

/** All functions of the image. */
function functionNames(
  { functions = [] }: MachineFacts,
  code: ImageFlavour['code'],
): readonly string[] {
  return [...new Set([...Object.keys(code), ...functions.map(({ name }) => name)])];
}

interface MemoryParts {
  readonly facts: MachineFacts;
  readonly flavour: ImageFlavour;
  readonly memory: MemoryPlan | undefined;
  readonly offsets: PerCpuOffsets;
  readonly tasks: PlacedTasks;
  readonly waitEntryOf: WaitEntryOf;
  readonly unfiltered: boolean;
}

/** Who has which page, with VMCOREINFO that tells filters where to look; returns that. */
function writeMemoryState(image: KernelImage, areas: Areas, parts: MemoryParts): Uint8Array {
  const { facts, flavour, memory, unfiltered } = parts;
  const plan = flavour.vmcoreinfo;
  if (memory === undefined) {
    if (unfiltered) return writeUnfiltered(image, areas, { facts, flavour });
    return placeVmcoreinfo(image, areas, { facts, plan });
  }
  const { vmemmapBase } = facts.kaslr;
  const placed = placeMemory(image, areas, { ...parts, plan: memory, vmemmapBase });
  const vmcoreinfo = placeVmcoreinfo(image, areas, { facts, plan, memMap: placed.keys });
  placed.finish();
  if (unfiltered) touchAll(areas);
  return vmcoreinfo;
}

function touchAll({ memory: { physical } }: Areas): void {
  for (const { start, end } of physical.ram) physical.touch(start, end - start);
}

/** The same of a machine of whose zones nothing is known. */
function writeUnfiltered(
  image: KernelImage,
  areas: Areas,
  { facts, flavour }: { facts: MachineFacts; flavour: ImageFlavour },
): Uint8Array {
  const { vmemmapBase } = facts.kaslr;
  const users = placeUserMemory(areas, facts);
  const plan = flavour.vmcoreinfo;
  const sections = new Sections(image, areas, { ...flavour, vmemmapBase });
  sections.populateAll();
  const memMap = memMapKeys(areas.memory, sections.roots, plan);
  const vmcoreinfo = placeVmcoreinfo(image, areas, { facts, plan, memMap });
  writeMemMap(areas, sections, users);
  touchAll(areas);
  return vmcoreinfo;
}
