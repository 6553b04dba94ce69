// The library: what `import 'stallcore'` gives. Results are the objects that `--json` prints.

import type * as library from './index.ts';
import type { Table } from './report/table.ts';
import type { Vmcore } from './target/index.ts';

export { openVmcore, Vmcore, type OpenOptions } from './target/index.ts';
export type { ContainerInfo, CpuRegisters, InputFile } from './target/container.ts';
export type { KernelIdentity } from './target/identity.ts';
export { moduleTypes } from './target/module-types.ts';
export { Ref } from './target/ref.ts';
export type { SymbolTable } from './target/symbols.ts';
export { readInfo, type InfoResult } from './kernel/info.ts';
export { locksResult, readLocks } from './kernel/locking.ts';
export type { Chain, KernelLock, LocksResult, LockTask, Wait } from './kernel/locking/lock.ts';
export { chainOf } from './kernel/locking/wait-graph.ts';
export { logResult, type LogOptions, type LogResult } from './kernel/log.ts';
export type { KernelLog, LogRecord, LostRecords } from './kernel/printk-record.ts';
export { readKernelLog } from './kernel/printk.ts';
export { consoleLine, recordLines, type LogLine } from './kernel/log-lines.ts';
export { memallocTimeline, type MemallocTimeline } from './kernel/memalloc-timeline.ts';
export { parseWatchdogLine, type MemallocLine } from './kernel/memalloc-parse.ts';
export { hlistEntries, listEntries } from './kernel/list.ts';
export { rbtreeEntries } from './kernel/rbtree.ts';
export { xarrayEntries } from './kernel/xarray.ts';
export { memResult, type MemResult } from './kernel/mem.ts';
export {
  readMemalloc,
  type MemallocOptions,
  type MemallocResult,
  type MemallocTask,
} from './kernel/memalloc-report.ts';
export type { MemallocRecord } from './kernel/memalloc.ts';
export {
  boostedMarks,
  lruScopes,
  readZones,
  type NodeState,
  type ZonesResult,
  type ZoneState,
} from './kernel/mmzone.ts';
export { readOomState, type OomState, type OomVictim } from './kernel/oom.ts';
export { StackReader, type StackFrame, type TaskStack } from './kernel/stack.ts';
export { readTasks, type Task, type TaskTable } from './kernel/task.ts';
export { filterTasks, type TaskFilter } from './kernel/task-filter.ts';
export { tasksResult, type TasksResult } from './kernel/tasks-result.ts';
export { poolStalls, type PoolStall } from './kernel/workqueue-stalls.ts';
export { readWorkqueues, type WorkqueuesResult } from './kernel/workqueue.ts';
export {
  compareDumps,
  readDumpState,
  sameBoot,
  type CompareResult,
  type DumpState,
  type TaskComparison,
} from './triage/compare.ts';
export { triage } from './triage/triage.ts';
export type { TriageAnswer, TriageOptions } from './triage/triage.ts';
export type { WaitChain } from './triage/chains.ts';
export type { Checked } from './triage/checked.ts';
export type { Confidence, Finding } from './triage/finding.ts';
export type { Diagnosis } from './util/diagnosis.ts';
export type { TriageResult, Verdict } from './triage/verdict.ts';
export { btResult, type BtOptions, type BtResult } from './kernel/bt.ts';
export { infoText } from './report/info.ts';
export { logBytes, logJson, logText } from './report/log.ts';
export { memText } from './report/mem.ts';
export { showMemText } from './report/show-mem.ts';
export { timelineSummary, timelineTable, timelineText } from './report/memalloc-timeline.ts';
export { memallocLines, memallocTable } from './report/memalloc.ts';
export { columnText, fitTable, type Table } from './report/table.ts';
export { tasksTable } from './report/tasks.ts';
export { triageText } from './report/triage.ts';
export {
  FaultError,
  FormatError,
  InvalidError,
  LookupError,
  UnsupportedError,
  VmcoreError,
  errorChain,
} from './util/errors.ts';
export type { PageState } from './util/page-state.ts';
export type { Problem } from './util/problems.ts';

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
