/**
 * The library: what `import 'stallcore'` gives. Results are the objects that `--json` prints, and
 * text is a function of them.
 *
 * | verb | the result | as text |
 * |---|---|---|
 * | `triage` | {@link triage} | {@link triageText} |
 * | `memalloc` | {@link readMemalloc} | {@link memallocLines}, {@link memallocTable} |
 * | `tasks` | {@link tasksResult}, {@link filterTasks} | {@link tasksTable} |
 * | `bt` | {@link btResult}; one stack: {@link StackReader} | {@link btText} |
 * | `locks` | {@link locksResult}, {@link chainOf} | {@link locksText}, {@link lockGraphText} |
 * | `mem` | {@link memResult} | {@link memText}, {@link showMemText} |
 * | `log` | {@link logResult}, {@link memallocTimeline} | {@link logText}, {@link timelineText} |
 * | `compare` | {@link compareDumps} of two {@link readDumpState} | {@link compareText} |
 * | `compare --log` | {@link compareReports} of a timeline | {@link compareLogText} |
 * | `info` | {@link readInfo} | {@link infoText} |
 * | `struct` | {@link typeLayout}, {@link structValues} | {@link typeLayoutText} |
 * | `symbols` | {@link symbolsResult} | {@link symbolsTable} |
 * | `run` | {@link Script}, {@link ScriptContext} | |
 *
 * All of it starts from {@link openVmcore}. What no function reads is read through
 * {@link Vmcore.object} and {@link Vmcore.global}, which give a {@link Ref}; the kernel's lists,
 * trees and arrays are walked with {@link listEntries}, {@link rbtreeEntries} and
 * {@link xarrayEntries}.
 *
 * @packageDocumentation
 */

import type * as library from './index.ts';
import type { Table } from './report/table.ts';
import type { Vmcore } from './target/index.ts';

// Opening a dump, and what everything is read through.

export type { ContainerInfo, CpuRegisters, InputFile } from './target/container.ts';
export type { Fact as SourcedFact, KernelIdentity } from './target/identity.ts';
export { openVmcore, Vmcore, type OpenOptions } from './target/index.ts';
export { moduleTypes } from './target/module-types.ts';
export type { LoadedModule, ModuleSymbols } from './target/modules.ts';
export type { KeptPart, PackManifest, PackSource } from './target/pack-manifest.ts';
export { Ref, type TypedMemory } from './target/ref.ts';
export type { KernelSymbol, SymbolPlace, SymbolTable } from './target/symbols.ts';
export type { MemorySearch } from './target/watch.ts';

// C types of the dumped kernel.

export {
  findMember,
  sizeOf,
  type ArrayType,
  type BitField,
  type CType,
  type EnumType,
  type FloatType,
  type FunctionType,
  type IntType,
  type Member,
  type MemberPlace,
  type PointerType,
  type StructType,
  type TypeKind,
  type TypeSource,
  type VoidType,
} from './types/ctype.ts';
export type { Declaration } from './types/declaration.ts';
export type { Hole } from './types/holes.ts';
export type { FoundConstant } from './types/kernel-constants.ts';

// Facts: what the verbs print with `--json`, and what they are made of.

export type { AllocContext, OomState as OomCall } from './kernel/alloc-context.ts';
export type { AllocFlagBits, AllocFlags } from './kernel/alloc-flags.ts';
export type { AllocatorPlace } from './kernel/alloc-frames.ts';
export type { BootIdentity } from './kernel/boot.ts';
export {
  btResult,
  type BtOptions,
  type BtResult,
  type BtTask,
  type SharedStack,
} from './kernel/bt.ts';
export type { CompactState } from './kernel/capture-control.ts';
export type { CpuTimes } from './kernel/cpustat.ts';
export type { DelayedWork } from './kernel/delayed-work.ts';
export type { DelayTotal, TaskDelays } from './kernel/delays.ts';
export type { Fact, FactKind } from './kernel/fact.ts';
export type { FreeArea } from './kernel/free-area.ts';
export type { HugePages } from './kernel/hugetlb.ts';
export { readInfo, type InfoResult, type MemorySummary } from './kernel/info.ts';
export { hlistEntries, listEntries, type ListEntryType, type WalkOptions } from './kernel/list.ts';
export { locksResult, readLocks } from './kernel/locking.ts';
export type {
  Chain,
  ChainEnd,
  ChainLink,
  KernelLock,
  LockKind,
  LockOwner,
  LockSource,
  LocksResult,
  LockTask,
  OwnerSource,
  SharedChain,
  UnprovedWait,
  Wait,
  WaitCycle,
  WaitProof,
} from './kernel/locking/lock.ts';
export { chainOf } from './kernel/locking/wait-graph.ts';
export type { LogEventKind } from './kernel/log-events.ts';
export { consoleLine, recordLines, type LogLine } from './kernel/log-lines.ts';
export { logResult, type LogOptions, type LogResult } from './kernel/log.ts';
export { memResult, type MemResult, type ZonePressure } from './kernel/mem.ts';
export type { MemallocCoverage } from './kernel/memalloc-facts.ts';
export type { InfoCounts, TaskWords } from './kernel/memalloc-lines.ts';
export {
  parseWatchdogLine,
  type MemallocLine,
  type WatchdogLine,
} from './kernel/memalloc-parse.ts';
export {
  readMemalloc,
  type MemallocOptions,
  type MemallocResult,
  type MemallocTask,
  type MemallocTaskRecord,
  type Sourced,
  type TaskEvidence,
} from './kernel/memalloc-report.ts';
export {
  memallocTimeline,
  type MemallocTimeline,
  type PlacedEvent,
  type Progress,
  type Step,
  type TimelineTask,
  type WatchdogReportRead,
} from './kernel/memalloc-timeline.ts';
export type { MemallocRecord } from './kernel/memalloc.ts';
export type { MemcgInOom } from './kernel/memcg-in-oom.ts';
export type { MemcgOom, MemcgOomTask } from './kernel/memcg-oom.ts';
export type { MemoryUse, MemoryUses } from './kernel/memory-users.ts';
export {
  boostedMarks,
  lruScopes,
  readZones,
  type CpuPages,
  type LruScope,
  type NodeState,
  type Watermarks,
  type ZoneLevel,
  type ZonesResult,
  type ZoneState,
} from './kernel/mmzone.ts';
export {
  readOomState,
  type OomLock,
  type OomState,
  type OomTask,
  type OomThread,
  type OomVictim,
} from './kernel/oom.ts';
export type { PageCounterState } from './kernel/page-counter.ts';
export type { KernelLog, LogKind, LogRecord, LostRecords } from './kernel/printk-record.ts';
export { readKernelLog } from './kernel/printk.ts';
export { rbtreeEntries } from './kernel/rbtree.ts';
export type { ReclaimState } from './kernel/reclaim-state.ts';
export type { SlabCache } from './kernel/slab.ts';
export {
  StackReader,
  type StackEnd,
  type StackFrame,
  type Stacks,
  type StackSource,
  type TaskStack,
  type UnwindMethod,
} from './kernel/stack.ts';
export {
  memberLayout,
  namedType,
  typeLayout,
  type AskedType,
  type EnumValue,
  type MemberLayout,
  type NamedType,
  type StructBody,
  type TypeLayout,
} from './kernel/struct-layout.ts';
export {
  parseStructName,
  structValues,
  type StructObject,
  type StructObjectValue,
  type StructQuestion,
  type StructValuesResult,
} from './kernel/struct-result.ts';
export type { StructTarget } from './kernel/struct-target.ts';
export {
  ValueReader,
  type ArrayValue,
  type EnumValueOf,
  type MemberValue,
  type PointerValue,
  type Value,
  type ValueOptions,
  type ValueSource,
} from './kernel/struct-value.ts';
export type { SwapDevice, SwapState } from './kernel/swap.ts';
export {
  symbolsResult,
  type FoundSymbol,
  type SymbolFilter,
  type SymbolsAnswer,
  type SymbolsResult,
} from './kernel/symbols-result.ts';
export type { SystemState } from './kernel/system.ts';
export { filterTasks, type FilteredFrom, type TaskFilter } from './kernel/task-filter.ts';
export { readTasks, type Task, type TaskCrossCheck, type TaskTable } from './kernel/task.ts';
export { tasksResult, type ListedTask, type TasksResult } from './kernel/tasks-result.ts';
export type { ThrottleReason } from './kernel/throttled.ts';
export type { CpuDiff, PageCounter, PageCounters } from './kernel/vmstat.ts';
export type { Work, Worker, WorkTask } from './kernel/worker.ts';
export {
  poolStalls,
  type BusyWorker,
  type PoolStall,
  type PoolStallContext,
  type PoolStallReason,
} from './kernel/workqueue-stalls.ts';
export {
  readWorkqueues,
  type InactiveWorks,
  type WorkerPool,
  type Workqueue,
  type WorkqueueContext,
  type WorkqueuesResult,
} from './kernel/workqueue.ts';
export { xarrayEntries, type XarrayEntry } from './kernel/xarray.ts';

// Verdicts.

export type {
  ChainEnd as WaitChainEnd,
  ChainStart,
  ChainStep,
  WaitChain,
} from './triage/chains.ts';
export type {
  BlockedCheck,
  Checked,
  KswapdCheck,
  LogCheck,
  LogEventCheck,
  PoolCheck,
  RequestCheck,
  ThrottleCheck,
  ZoneCheck,
} from './triage/checked.ts';
export {
  compareDumps,
  compareReports,
  readDumpState,
  sameBoot,
  type CompareLogResult,
  type CompareResult,
  type DumpState,
  type DumpSummary,
  type Elapsed,
  type TaskComparison,
} from './triage/compare.ts';
export type {
  CounterChange,
  CounterChanges,
  CpuShare,
  LevelChange,
} from './triage/compare/counters.ts';
export type { InstantClock, TaskInDump } from './triage/compare/dump-state.ts';
export type { LockChange, LockFate } from './triage/compare/lock-changes.ts';
export type { ComparedReport, ReportedTask } from './triage/compare/log-pair.ts';
export type { PairClass, PairVerdict } from './triage/compare/pair-verdict.ts';
export type { RequestInDump } from './triage/compare/request.ts';
export type { BootCheck, SameBoot } from './triage/compare/same-boot.ts';
export type { StackKeys } from './triage/compare/stack-key.ts';
export type { TaskSide } from './triage/compare/task-comparison.ts';
export type { RequestStep, TaskProgress } from './triage/compare/task-progress.ts';
export type { Evidence } from './triage/evidence.ts';
export type { LockWait } from './triage/facts.ts';
export type { Confidence, Finding } from './triage/finding.ts';
export type { GatherOptions } from './triage/gather.ts';
export { triage, type TriageAnswer, type TriageOptions } from './triage/triage.ts';
export type { TriageResult, Verdict, VerdictClass } from './triage/verdict.ts';
export type { Diagnosis } from './util/diagnosis.ts';

// A small dump with only what triage and compare read.

export { packVmcore, type PackOptions, type PackResult } from './pack/pack.ts';

// Words: results as text and tables.

export { evidenceTable } from './report/alloc-evidence.ts';
export { btText } from './report/bt.ts';
export { compareLogTable, compareLogText } from './report/compare-log.ts';
export { compareTable } from './report/compare-table.ts';
export { compareDetails, compareText, type CompareLayout } from './report/compare.ts';
export { infoText } from './report/info.ts';
export { lockGraphText } from './report/lock-graph.ts';
export { locksText } from './report/locks.ts';
export { logBytes, logJson, logText } from './report/log.ts';
export { memText } from './report/mem.ts';
export { timelineSummary, timelineTable, timelineText } from './report/memalloc-timeline.ts';
export { memallocLines, memallocTable } from './report/memalloc.ts';
export { showMemText } from './report/show-mem.ts';
export { memberLayoutText, typeLayoutText } from './report/struct-layout.ts';
export { structValuesText, type ValueTextOptions } from './report/struct-value.ts';
export { symbolsTable } from './report/symbols.ts';
export { columnText, fitTable, type Column, type Table } from './report/table.ts';
export { tasksSummary, tasksTable } from './report/tasks.ts';
export { triageText, type TriageLayout } from './report/triage.ts';

// Errors, problems, addresses.

export { hex, vaddr, vaddrAdd, type Paddr, type Vaddr } from './util/address.ts';
export {
  errorChain,
  FaultError,
  FormatError,
  InvalidError,
  LookupError,
  UnsupportedError,
  VmcoreError,
  type AddressSpaceName,
  type FaultReason,
  type FormatPlace,
  type VmcoreErrorCode,
} from './util/errors.ts';
export { escapeText } from './util/escape.ts';
export type { ByteSink } from './util/io.ts';
export type { PageState } from './util/page-state.ts';
export type { Problem, Problems } from './util/problems.ts';

/** What `stallcore run` hands to the function that a script exports by default. */
export interface ScriptContext {
  /** The opened dump; it is closed when the function is done. */
  readonly vmcore: Vmcore;
  /** The words behind `--` on the command line. */
  readonly args: readonly string[];
  /**
   * The user gave `--json`: what the function returns is printed as JSON, and {@link print} and
   * {@link printTable} print nothing.
   */
  readonly json: boolean;
  /** Writes a line to standard output. */
  readonly print: (text?: string) => void;
  /** Writes a table: drawn to fit on a terminal, in plain columns elsewhere. */
  readonly printTable: (table: Table) => Promise<void>;
  /** This library, for scripts that cannot import it. */
  readonly stallcore: typeof library;
}

/** A script for `stallcore run`: `export default function ({ vmcore, print }) { … }`. */
export type Script = (context: ScriptContext) => unknown;
