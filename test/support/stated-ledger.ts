// The truth about a machine, from the facts that it was made of: of one that was never run there is
// no ledger of the simulation. Nothing here is the reader's, so that the reader can be held against
// it.

import type {
  MachineFacts,
  MemallocFacts,
  ProcessFacts,
  ThreadFacts,
} from '../../src/sim/image/machine-facts.ts';
import type { MachineImage } from '../../src/sim/image/machine.ts';
import type { LedgerTask as SimulatedTask } from '../../src/sim/ledger.ts';

/** What the patch waits for where nobody says otherwise. */
const TIMEOUT_SECONDS = 10;

/** What is true of the machine; addresses and 64-bit numbers are strings. */
export interface StatedLedger {
  readonly kernel: Readonly<Record<string, string | number>>;
  readonly jiffies: string;
  readonly hz: number;
  readonly timeoutSeconds: number;
  /** What kmallocwd would have printed at the instant of the dump, without time stamps. */
  readonly lines: readonly string[];
  readonly counts: { stalling: number; dying: number; victim: number };
  /** In the order of for_each_process_thread(). */
  readonly tasks: readonly LedgerTask[];
  readonly idle: readonly LedgerTask[];
}

/** One task, with what needs no run to be known. */
export interface LedgerTask extends Omit<
  SimulatedTask,
  'record' | 'functions' | 'holds' | 'waitsFor'
> {
  readonly record: LedgerRecord;
}

/** One record, with what follows from it. */
export interface LedgerRecord {
  readonly sequence: number;
  readonly seq: number;
  readonly depth: number;
  readonly start: string;
  readonly delay: string;
  readonly order: number;
  readonly gfpMask: string;
  readonly inherited: boolean;
  readonly stalling: boolean;
}

/** Works the ledger out. */
export function statedLedger(image: MachineImage): StatedLedger {
  const { facts } = image;
  const describe = (places: MachineImage['tasks']['processes']): LedgerTask[] =>
    places.flatMap((process) =>
      process.threads.map((thread) => ({
        address: hexOf(thread.task),
        ...describeThread(facts, process.facts, thread.facts),
        stack: hexOf(thread.stack),
        mm: hexOf(process.mm ?? 0n),
      })),
    );
  const tasks = describe(image.tasks.processes);
  const counts = {
    stalling: tasks.filter(({ record }) => record.stalling).length,
    dying: tasks.filter(({ words }) => words.dying).length,
    victim: tasks.filter(({ words }) => words.victim).length,
  };
  return {
    kernel: {
      release: facts.release,
      banner: facts.banner,
      nodename: facts.nodename,
      buildId: facts.buildId,
      kaslrOffset: hexOf(facts.kaslr.kernelOffset),
      physBase: facts.kaslr.physBase,
      pageOffsetBase: hexOf(facts.kaslr.pageOffsetBase),
      cpus: facts.cpuCount,
      kmallocwdTimeout: Number(facts.kmallocwdTimeout),
    },
    jiffies: facts.jiffies.toString(),
    hz: facts.hz,
    timeoutSeconds: TIMEOUT_SECONDS,
    lines: [
      `MemAlloc-Info: ${counts.stalling} stalling task, ${counts.dying} dying task, ` +
        `${counts.victim} victim task.`,
      ...tasks.filter(isListed).map(line),
    ],
    counts,
    tasks,
    idle: describe(image.tasks.idle),
  };
}

function describeThread(
  machine: MachineFacts,
  process: ProcessFacts,
  thread: ThreadFacts,
): Omit<LedgerTask, 'address' | 'stack' | 'mm'> {
  const hasSignal = (signal: number): boolean => ((thread.pending >> BigInt(signal - 1)) & 1n) > 0n;
  const sigkillPending = hasSignal(9);
  return {
    pid: thread.pid,
    tgid: process.threads[0]?.pid ?? thread.pid,
    ppid: process.ppid,
    comm: printable(thread.comm),
    commHex: Buffer.from(thread.comm, 'latin1').toString('hex'),
    state: stateLetter(thread),
    stateBits: thread.state,
    exitState: thread.exitState,
    flags: thread.flags,
    cpu: thread.cpu,
    onCpu: thread.onCpu,
    prio: thread.prio,
    nvcsw: thread.nvcsw,
    nivcsw: thread.nivcsw,
    oomScoreAdj: process.oomScoreAdj,
    sigkillPending,
    words: {
      uninterruptible: (thread.state & 2) > 0,
      exiting: (thread.flags & 4) > 0,
      dying: sigkillPending && (thread.threadFlags & 4) > 0,
      victim: (thread.threadFlags & 0x100000) > 0,
    },
    oomVictim: process.oomVictim,
    // These machines have v3.
    record: describeRecord(machine, thread.memalloc as MemallocFacts),
  };
}

function describeRecord({ jiffies, hz }: MachineFacts, record: MemallocFacts): LedgerRecord {
  const delay = BigInt.asUintN(64, jiffies - record.start);
  const never = record.start === 0n && record.gfp === 0;
  return {
    sequence: record.sequence,
    seq: Math.floor(record.sequence / 2),
    depth: record.valid,
    start: record.start.toString(),
    delay: delay.toString(),
    order: record.order,
    gfpMask: hexOf(record.gfp),
    inherited: record.sequence === 0 && record.valid === 0 && !never,
    stalling: record.valid > 0 && delay >= BigInt(TIMEOUT_SECONDS * hz),
  };
}

function isListed({ words, record }: LedgerTask): boolean {
  return record.stalling || words.dying || words.victim;
}

function line({ comm, pid, words, record }: LedgerTask): string {
  const parts = [`MemAlloc: ${comm}(${pid})`];
  if (record.stalling) {
    const { seq, gfpMask, order, delay } = record;
    parts.push(`seq=${seq} gfp=${gfpMask} order=${order} delay=${delay}`);
  }
  for (const word of ['uninterruptible', 'exiting', 'dying', 'victim'] as const) {
    if (words[word]) parts.push(word);
  }
  return parts.join(' ');
}

/** What ps(1) shows. */
function stateLetter({ state, exitState }: ThreadFacts): string {
  if (exitState !== 0) return exitState === 0x20 ? 'Z' : 'X';
  const letters: Readonly<Record<number, string>> = { 0: 'R', 1: 'S', 2: 'D', 4: 'T', 0x402: 'I' };
  return letters[state] ?? '?';
}

/** As /dev/kmsg shows what is no printable ASCII. */
function printable(text: string): string {
  return [...text]
    .map((letter) => {
      const code = letter.charCodeAt(0);
      const plain = code >= 0x20 && code < 0x7f && letter !== '\\';
      return plain ? letter : `\\x${code.toString(16).padStart(2, '0')}`;
    })
    .join('');
}

function hexOf(value: bigint | number): string {
  return `0x${value.toString(16)}`;
}
