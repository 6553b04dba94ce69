// The truth about the real dumps, as drgn and crash wrote it down.

import type { Task } from '../../src/kernel/task.ts';

/** One line of tasks.tsv by its column names. */
export type TruthRow = ReadonlyMap<string, string>;

/** The lines of a tasks.tsv, which drgn wrote. */
export function parseTasksTsv(text: string): TruthRow[] {
  const [head = '', ...lines] = text.split('\n').filter((line) => line !== '');
  const names = head.split('\t');
  return lines.map(
    (line) => new Map(line.split('\t').map((value, index) => [names[index] ?? '', value])),
  );
}

/** A Python bytes literal, `b'a\\x1b'`, as hex digits. */
export function pythonBytesHex(literal: string): string {
  const inner = /^b(['"])(.*)\1$/s.exec(literal)?.[2] ?? '';
  const escapes: Readonly<Record<string, number>> = { n: 10, r: 13, t: 9 };
  const bytes: number[] = [];
  for (let i = 0; i < inner.length; i++) {
    if (inner[i] !== '\\') bytes.push(inner.charCodeAt(i));
    else if (inner[i + 1] === 'x') {
      bytes.push(Number.parseInt(inner.slice(i + 2, i + 4), 16));
      i += 3;
    } else {
      i++;
      bytes.push(escapes[inner[i] ?? ''] ?? inner.charCodeAt(i));
    }
  }
  return Buffer.from(bytes).toString('hex');
}

/** What a task should say in each column of tasks.tsv; `last_func` needs a stack. */
export const TRUTH_COLUMNS: Readonly<Record<string, (task: Task) => string>> = {
  task: ({ address }) => address,
  pid: ({ pid }) => String(pid),
  tgid: ({ tgid }) => String(tgid),
  ppid: ({ ppid }) => String(ppid),
  comm: ({ commHex }) => commHex ?? 'absent',
  state: ({ state }) => state ?? 'absent',
  __state: ({ stateBits }) => hex(stateBits),
  flags: ({ flags }) => hex(flags),
  exit_state: ({ exitState }) => hex(exitState),
  on_cpu: ({ onCpu }) => String(Number(onCpu)),
  cpu: ({ cpu }) => String(cpu),
  prio: ({ prio }) => String(prio),
  static_prio: ({ staticPrio }) => String(staticPrio),
  policy: ({ policy }) => String(policy),
  utime: ({ utime }) => String(utime),
  stime: ({ stime }) => String(stime),
  nvcsw: ({ nvcsw }) => String(nvcsw),
  nivcsw: ({ nivcsw }) => String(nivcsw),
  start_time: ({ startTimeNs }) => String(startTimeNs),
  mm: ({ mm }) => mm ?? 'absent',
  active_mm: ({ activeMm }) => activeMm ?? 'absent',
  oom_score_adj: ({ oomScoreAdj }) => String(oomScoreAdj),
  sigkill_pending: ({ sigkillPending }) => String(Number(sigkillPending)),
  shared_sigkill: ({ sharedSigkillPending }) => String(Number(sharedSigkillPending)),
  signal_flags: ({ signalFlags }) => hex(signalFlags),
  jobctl: ({ jobctl }) => hex(jobctl),
  stack: ({ stack }) => stack ?? 'absent',
  kthread: ({ kthread }) => String(Number(kthread)),
};

function hex(value: number | undefined): string {
  return value === undefined ? 'absent' : `0x${value.toString(16)}`;
}

/** Every field in which the tasks differ from the truth, in words. */
export function differences(tasks: readonly Task[], truth: readonly TruthRow[]): string[] {
  const byAddress = new Map(tasks.map((task) => [task.address, task]));
  const found: string[] = [];
  for (const row of truth) {
    const address = row.get('task') ?? '';
    const task = byAddress.get(address);
    byAddress.delete(address);
    if (task === undefined) {
      found.push(`pid ${row.get('pid')}: not listed`);
      continue;
    }
    for (const [column, ours] of Object.entries(TRUTH_COLUMNS)) {
      const told = row.get(column) ?? '';
      const expected = column === 'comm' ? pythonBytesHex(told) : told;
      if (ours(task) !== expected) {
        found.push(`pid ${task.pid} ${column}: ${ours(task)}, the truth says ${expected}`);
      }
    }
  }
  for (const extra of byAddress.values()) found.push(`pid ${extra.pid}: not in the truth`);
  return found;
}
