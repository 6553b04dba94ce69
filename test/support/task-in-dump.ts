// Tasks of two dumps in few words, for tests of what is concluded from them.

import type { DumpState, TaskInDump } from '../../src/triage/compare/dump-state.ts';
import type { RequestInDump } from '../../src/triage/compare/request.ts';

/** A task that sleeps and asks for nothing. */
export function taskInDump(fields: Partial<TaskInDump> = {}): TaskInDump {
  return {
    address: '0xffff888000001000',
    pid: 42,
    tgid: 42,
    comm: 'java',
    kthread: false,
    startTimeNs: 1000,
    state: 'S',
    onCpu: false,
    switches: 10,
    userTime: 0,
    execNs: 5000,
    faults: 7,
    calls: 3,
    isVictim: false,
    request: { kind: 'none', begun: 5, seq: 5 },
    ...fields,
  };
}

/** A request in flight by its record. */
export function recorded(begun: number, fields: Partial<RequestInDump> = {}): RequestInDump {
  const start = String(4_294_000_000 + begun);
  return { kind: 'recorded', begun, seq: begun, start, isOverdue: false, ...fields };
}

/** A dump of a machine with records, `seconds` after its boot, on which triage found nothing. */
export function dumpState(
  seconds: number,
  tasks: readonly TaskInDump[],
  fields: Partial<DumpState> = {},
): DumpState {
  const init = { address: '0xffff888000000400', startTimeNs: 5 };
  return {
    machine: { release: '6.1.0', uptimeSeconds: seconds },
    boot: { release: '6.1.0', physBase: 0, init },
    clock: { jiffies: 4_294_667_296n + BigInt(seconds * 250), hz: 250, schedNs: seconds * 1e9 },
    tasks,
    isWhole: true,
    missing: [],
    hasRecords: true,
    timeoutSeconds: 10,
    nodes: [],
    verdict: { class: 'not-stalled', sentence: 'No task is stuck.', evidence: [], missing: [] },
    ...fields,
  };
}
