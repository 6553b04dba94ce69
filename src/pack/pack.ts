// Packs a dump: runs the triage, reads what a comparison wants besides, follows what is read, and
// writes that and nothing else.

import type { PageCodec } from '../format/compress/pages.ts';
import { CGROUP_NAME } from '../kernel/memcg-oom.ts';
import { readTasks, type Task } from '../kernel/task.ts';
import type { AskedTypes, TypesExport } from '../target/asked-types.ts';
import type { KernelIdentity } from '../target/identity.ts';
import { openVmcore, type OpenOptions, type Vmcore } from '../target/index.ts';
import {
  LOG_LEFT_OUT,
  type PackFacts,
  type PackLevel,
  type PackManifest,
} from '../target/pack-manifest.ts';
import { OPENING_STEPS } from '../target/watch.ts';
import { readBesideTriage } from '../triage/compare/dump-state.ts';
import { gatherFacts } from '../triage/gather.ts';
import { triageOf, type TriageAnswer, type TriageOptions } from '../triage/triage.ts';
import { count } from '../util/count.ts';
import type { ByteSink } from '../util/io.ts';
import { optional } from '../util/optional.ts';
import type { Problem } from '../util/problems.ts';
import { bytesIn, NO_RANGES, without, type Ranges } from '../util/ranges.ts';
import { checksumOf, CHECKSUM_OF } from './checksum.ts';
import { keptRegisters, maskedCpuNotes } from './cpu-notes.ts';
import { readForTools } from './for-tools.ts';
import { KeptMemory, pagesOf, wholePages, type PageMask } from './kept-memory.ts';
import { kernelMap } from './kernel-map.ts';
import { logAreas, logHeader, physicalRanges, type LogArea } from './log-areas.ts';
import { keptParts, unionOf } from './manifest.ts';
import { maskComms } from './mask-comm.ts';
import { maskFiles, NO_FILE_MASK, type FileMask } from './mask-files.ts';
import { MASKED_NODENAME, maskNames } from './mask-names.ts';
import { packNotes } from './pack-note.ts';
import type { PackedDump } from './packed-dump.ts';
import { Recorder } from './recorder.ts';
import { registerAreas } from './user-registers.ts';
import { writePackedElf } from './write-elf.ts';
import { writePackedKdump } from './write-kdump.ts';

/** How to pack. */
export interface PackOptions {
  readonly level: PackLevel;
  /** What the pages of a kdump file are packed with; `elf` writes an ELF file, unpacked. */
  readonly format: PageCodec | 'elf';
  /** The program: `stallcore 0.1.0`. */
  readonly tool: string;
  /** Leaves the kernel's log out. */
  readonly noLog?: boolean;
  /**
   * Gives the tasks of users other names, and the host, memory cgroups and the files of the dump;
   * leaves the log out, too, since it has such names.
   */
  readonly maskComm?: boolean;
  readonly open?: Omit<OpenOptions, 'watch'>;
  readonly triage?: TriageOptions;
}

/** What came of it. */
export interface PackResult {
  readonly type: 'pack';
  readonly manifest: PackManifest;
  /** The answer that the packed dump gives again. */
  readonly answer: TriageAnswer;
  /** What could not be read on the way to it. */
  readonly problems: readonly Problem[];
}

/**
 * Packs a dump.
 *
 * @param paths the dump, one file or all parts of a split one
 * @throws VmcoreError if it cannot be opened
 */
export async function packVmcore(
  paths: readonly string[],
  sink: ByteSink,
  options: PackOptions,
): Promise<PackResult> {
  const recorder = new Recorder();
  const vmcore = await openVmcore(paths, { ...options.open, watch: recorder });
  try {
    const { answer, problems } = readAll(vmcore, options.triage);
    const withoutLog = options.noLog === true || options.maskComm === true;
    const blank =
      options.level === 'tasks' ? readForTools(vmcore, { log: !withoutLog }) : NO_RANGES;
    const { dump, manifest } = recorder.unrecorded(() =>
      packedDump({ vmcore, recorder, paths, withoutLog, blank, ...options }),
    );
    if (options.format === 'elf') writePackedElf(dump, sink);
    else writePackedKdump(dump, sink, options.format);
    return { type: 'pack', manifest, answer, problems };
  } finally {
    vmcore.close();
  }
}

/** Triage, and what a comparison reads. The facts are let go, for they are most of the memory. */
function readAll(
  vmcore: Vmcore,
  options: TriageOptions | undefined,
): Pick<PackResult, 'answer' | 'problems'> {
  const facts = gatherFacts(vmcore, options);
  const answer = triageOf(vmcore, facts);
  const problems = vmcore.problems.list;
  readBesideTriage(vmcore, facts);
  return { answer, problems };
}

interface Packing extends PackOptions {
  readonly vmcore: Vmcore;
  readonly recorder: Recorder;
  readonly paths: readonly string[];
  readonly withoutLog: boolean;
  /** Where pages have to be, whatever is kept of them. */
  readonly blank: Ranges;
}

function packedDump(packing: Packing): { dump: PackedDump; manifest: PackManifest } {
  const { vmcore, recorder, open } = packing;
  const { notes, memory } = recorder.container;
  // A walk over 100,000 tasks takes its time, and only bytes that were read need none.
  const tasks = packing.maskComm === true || packing.level !== 'bytes' ? everyTask(vmcore) : [];
  const byKind = keptByKind(packing, tasks);
  const { mask, masked, files } = masksOf(packing, tasks, byKind);
  const kept = new KeptMemory(memory, unionOf(byKind.values()), {
    ...optional('mask', mask),
    blank: packing.blank,
    unsaid: packing.level === 'tasks' ? physicalRanges(vmcore, readableHeader(vmcore)) : NO_RANGES,
  });
  const symbols = recorder.notedSymbols();
  const manifest: PackManifest = {
    tool: packing.tool,
    level: packing.level,
    source: {
      container: files.container(recorder.container.info),
      checksum: checksumOf(packing.paths),
      checksumOf: CHECKSUM_OF,
    },
    kept: keptParts(byKind),
    keptBytes: bytesIn(kept.kept),
    keptPages: kept.pageCount,
    symbols: symbols.kernel.covering.length + Object.keys(symbols.kernel.named).length,
    origins: {
      symbols: files.text(vmcore.symbols.origin),
      types: files.text(vmcore.types.origin),
    },
    masked,
  };
  const types = recorder.askedTypes.export(layoutIdentity(vmcore, files));
  const facts = files.facts(factsOf(packing, manifest, types));
  const { layout } = types;
  const own = packNotes({ facts, symbols: files.symbols(symbols), layout, kept: kept.kept });
  const cpus = maskedCpuNotes(notes, keptRegisters(recorder, packing.level));
  const vmcoreinfo = vmcoreinfoText(vmcore);
  const dump: PackedDump = {
    memory: kept,
    end: memory.end,
    identity: packing.maskComm === true ? maskedIdentity(vmcore.identity) : vmcore.identity,
    cpuCount: Math.max(1, cpus.filter(({ name }) => name === 'CORE').length),
    vmcoreinfo,
    notes: [...cpus, { name: 'VMCOREINFO', type: 0, desc: vmcoreinfo }, ...own],
    vaddrOf: kernelMap(vmcore, kept.stored.starts[0] ?? 0),
    ...optional('onProgress', open?.onProgress?.('writing')),
  };
  return { dump, manifest };
}

/** Those of the CPUs first. */
function everyTask(vmcore: Vmcore): Task[] {
  const { tasks, idle } = readTasks(vmcore);
  return [...idle, ...tasks];
}

/** The bytes that are kept, by what they are. */
function keptByKind(
  { vmcore, recorder, level, withoutLog }: Packing,
  tasks: readonly Task[],
): Map<string, Ranges> {
  const byKind = recorder.rangesByKind();
  const log = withoutLog
    ? unionOf([byKind.get('log') ?? NO_RANGES, physicalRanges(vmcore, logAreas(vmcore))])
    : NO_RANGES;
  if (level === 'pages') {
    byKind.set(REST_OF_PAGES, wholePages(recorder.container.memory, unionOf(byKind.values())));
  }
  // No structure has them among what was read, but whole ones and whole pages do.
  const registers = level === 'bytes' ? [] : registerAreas(vmcore, tasks);
  const left = unionOf([log, physicalRanges(vmcore, registers)]);
  return new Map([...byKind].map(([what, ranges]) => [what, without(ranges, left)]));
}

function readableHeader(vmcore: Vmcore): LogArea[] {
  return logHeader(vmcore).filter(
    ({ address, size }) => vmcore.readAvailable(address, size).length === size,
  );
}

/** What whole pages have besides the structures that were read. */
const REST_OF_PAGES = 'rest of pages';

function masksOf(
  { vmcore, recorder, withoutLog, maskComm, open }: Packing,
  tasks: readonly Task[],
  byKind: ReadonlyMap<string, Ranges>,
): { mask?: PageMask; masked: string[]; files: FileMask } {
  const masked = withoutLog ? [LOG_LEFT_OUT] : [];
  if (maskComm !== true) return { masked, files: NO_FILE_MASK };
  const stacks = byKind.get('stack') ?? NO_RANGES;
  const pages = pagesOf(stacks, vmcore.memory.pageSize);
  const comms = maskComms(vmcore, tasks, pages);
  const names = maskNames(vmcore, byKind.get(CGROUP_NAME) ?? NO_RANGES);
  const mask: PageMask = (page, paddr) => {
    comms.mask(page, paddr);
    names.mask(page, paddr);
  };
  const cgroups = count(names.cgroupCount, 'memory cgroup');
  const said = [
    `${count(comms.count, 'name')} of users' tasks replaced`,
    `names of the host, of ${cgroups} and of the dump's files replaced`,
  ];
  const files = maskFiles(recorder.container.info, open);
  return { mask, masked: [...masked, ...said], files };
}

function maskedIdentity({ nodename, ...identity }: KernelIdentity): KernelIdentity {
  if (nodename === undefined) return identity;
  return { ...identity, nodename: { ...nodename, value: MASKED_NODENAME } };
}

function factsOf(
  { vmcore, recorder }: Packing,
  manifest: PackManifest,
  types: TypesExport,
): PackFacts {
  const { source, paddr, physBase, physBaseSource, sources } = recorder.kernel;
  const problems = OPENING_STEPS.map((step) => [step, recorder.problemsOf(step)] as const);
  return {
    manifest,
    ...optional('cut', vmcore.describeCut()),
    kernel: {
      vmcoreinfoSource: source,
      ...optional('vmcoreinfoPaddr', paddr),
      physBase,
      physBaseSource,
      ...optional('sources', sources),
    },
    problems: Object.fromEntries(problems) as unknown as PackFacts['problems'],
    searches: recorder.searches,
    absent: recorder.absentRanges(),
    damaged: recorder.damagedRanges(),
    types: {
      origin: recorder.askedTypes.origin,
      variables: types.variables,
      missing: types.missing,
    },
  };
}

function layoutIdentity(
  { identity, types }: Vmcore,
  files: FileMask,
): Parameters<AskedTypes['export']>[0] {
  return {
    release: identity.release.value,
    arch: 'x86_64',
    banner: identity.banner?.value ?? null,
    buildId: identity.buildId?.value ?? null,
    producer: 'stallcore pack',
    source: files.text(types.origin),
  };
}

/** As the kernel writes it; the first line is the one that is looked for in memory. */
function vmcoreinfoText({ vmcoreinfo }: Vmcore): Uint8Array {
  const lines = [...vmcoreinfo.entries].map(([key, value]) => `${key}=${value}\n`);
  return new Uint8Array(Buffer.from(lines.join(''), 'latin1'));
}
