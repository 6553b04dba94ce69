// Tasks of two dumps in few words, for tests of what is concluded from them.

import type { TaskInDump } from '../../src/triage/compare/dump-state.ts';
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
