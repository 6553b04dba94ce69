import assert from 'node:assert/strict';
import type { TaskInDump } from '../../../src/triage/compare/dump-state.ts';
import type { RequestInDump } from '../../../src/triage/compare/request.ts';
import { progressOf, type Conclusion } from '../../../src/triage/compare/task-progress.ts';
import { recorded, taskInDump } from '../../support/task-in-dump.ts';

const S = 1e9;
const INTERVAL = { seconds: 20, schedNs: 120 * S };

type Changes = Partial<TaskInDump>;

function judged(before: Changes, now: Changes, interval = INTERVAL): Conclusion {
  return progressOf(taskInDump(before), taskInDump(now), interval);
}

/** `progressing another certain` */
function check(before: Changes, now: Changes, expected: string): void {
  const { progress, request, confidence } = judged(before, now);
  assert.equal(`${progress} ${request} ${confidence}`, expected);
}

const IN_FLIGHT = { request: recorded(5), state: 'D' };
const UNREAD: RequestInDump = { kind: 'unknown' };
const BY_STACK: RequestInDump = { kind: 'by stack' };
const CALLER = { whole: 'a', caller: 'c' };

describe('progressOf', () => {
  it('says livelocked of the same request of a task that ran', () => {
    check(IN_FLIGHT, { ...IN_FLIGHT, switches: 11 }, 'livelocked same certain');
    check(IN_FLIGHT, { ...IN_FLIGHT, execNs: 6000 }, 'livelocked same certain');
    check(IN_FLIGHT, { ...IN_FLIGHT, state: 'R', onCpu: true }, 'livelocked same certain');
  });

  it('says blocked of the same request of a task that slept all the time', () => {
    check(IN_FLIGHT, IN_FLIGHT, 'blocked same certain');
    check({ ...IN_FLIGHT, state: 'S' }, { ...IN_FLIGHT, state: 'S' }, 'blocked same certain');
  });

  it('says starved of the same request of a task that waited for a CPU all the time', () => {
    const waits = { ...IN_FLIGHT, state: 'R' };
    check(waits, waits, 'starved same certain');
    check(IN_FLIGHT, { ...waits, lastQueuedNs: 105 * S }, 'starved same certain');
  });

  it('says blocked of a task that was woken just before the second dump', () => {
    check(IN_FLIGHT, { ...IN_FLIGHT, state: 'R', lastQueuedNs: 119 * S }, 'blocked same certain');
  });

  it('says stuck where it is not known whether the task ran, or since when it is runnable', () => {
    const { switches: _switches, ...unread } = taskInDump(IN_FLIGHT);
    const { progress } = progressOf(unread, unread, INTERVAL);
    assert.equal(progress, 'stuck');
    check(IN_FLIGHT, { ...IN_FLIGHT, state: 'R' }, 'stuck same certain');
  });

  it('does not take the switch away from a CPU for a run', () => {
    const left = { ...IN_FLIGHT, lastArrivalNs: 90 * S };
    check({ ...left, onCpu: true }, { ...left, switches: 11 }, 'blocked same certain');
  });

  it('takes a turn on a CPU that went on after the first dump for a run', () => {
    const left = { ...IN_FLIGHT, lastArrivalNs: 90 * S, switches: 11 };
    const before = { ...left, onCpu: true, switches: 10, execNs: 1 * S };
    check(before, { ...left, execNs: 6 * S }, 'livelocked same certain');
    check(before, { ...left, execNs: 1.01 * S }, 'blocked same certain');
  });

  it('says progressing of another request, and how many have ended', () => {
    check(IN_FLIGHT, { request: recorded(9) }, 'progressing another certain');
    assert.equal(judged(IN_FLIGHT, { request: recorded(9) }).requestsEnded, 4);
    check(IN_FLIGHT, {}, 'progressing ended certain');
    assert.equal(judged(IN_FLIGHT, {}).requestsEnded, 1);
    check({}, { request: recorded(6) }, 'progressing begun certain');
    assert.equal(judged({}, { request: recorded(6) }).requestsEnded, 0);
    check({}, { request: { kind: 'none', begun: 8 } }, 'progressing served certain');
    assert.equal(judged({}, { request: { kind: 'none', begun: 8 } }).requestsEnded, 3);
  });

  it('goes by the start of a request where the record has no sequence', () => {
    const old: RequestInDump = { kind: 'recorded', start: '77' };
    check({ request: old, state: 'D' }, { request: old, state: 'D' }, 'blocked same certain');
    const other: RequestInDump = { kind: 'recorded', start: '78' };
    check({ request: old }, { request: other }, 'progressing another certain');
  });

  it('believes no record with the same sequence and another start', () => {
    const damaged = { request: recorded(5, { start: '1' }) };
    check(IN_FLIGHT, damaged, 'unknown unknown certain');
  });

  it('says of a task without a request whether it ran, slept, was blocked or starved', () => {
    check({}, { switches: 11 }, 'ran none certain');
    check({}, {}, 'asleep none certain');
    check({ state: 'D' }, { state: 'D' }, 'blocked none certain');
    check({ state: 'D', isFrozen: true }, { state: 'D', isFrozen: true }, 'asleep none certain');
    check({ state: 'R' }, { state: 'R' }, 'starved none certain');
  });

  it('says gone of a task that has exited and is a zombie', () => {
    check(IN_FLIGHT, { state: 'Z' }, 'gone none certain');
  });

  it('says nothing of a task in two dumps of the same instant', () => {
    const { progress } = judged(IN_FLIGHT, IN_FLIGHT, { seconds: 0, schedNs: 120 * S });
    assert.equal(progress, 'unknown');
  });

  it('says unknown where the request could not be read in one of the dumps', () => {
    check({ request: UNREAD }, IN_FLIGHT, 'unknown unknown certain');
    check(IN_FLIGHT, { request: UNREAD }, 'unknown unknown certain');
  });

  describe('of a kernel without records', () => {
    const asks = { request: BY_STACK, state: 'D', stack: CALLER };
    const ran = { ...asks, switches: 20 };

    it('is certain of the same request where the task had no CPU to come out of it', () => {
      check(asks, asks, 'blocked same certain');
      check({ ...asks, state: 'R' }, { ...asks, state: 'R' }, 'starved same certain');
    });

    it('is certain of another one by what is counted at the end of one', () => {
      check(asks, { ...ran, userTime: 4 }, 'progressing another certain');
      check(asks, { ...ran, faults: 8 }, 'progressing another certain');
      check(asks, { ...ran, calls: 4 }, 'progressing another certain');
      check(asks, { ...ran, stack: { whole: 'b', caller: 'd' } }, 'progressing another certain');
    });

    it('takes no user time of a kernel thread', () => {
      const kthread = { ...asks, kthread: true };
      check(kthread, { ...kthread, switches: 20, userTime: 4 }, 'livelocked same possible');
    });

    it('calls the same page fault likely the same request, the same call possibly so', () => {
      const fault = { ...asks, stack: { ...CALLER, isFault: true as const } };
      check(fault, { ...fault, switches: 20 }, 'livelocked same likely');
      check(asks, ran, 'livelocked same possible');
    });

    it('calls a request likely the same one where nobody was given a page', () => {
      const interval = { ...INTERVAL, isNothingAllocated: true };
      const { progress, confidence } = judged(asks, ran, interval);
      assert.equal(`${progress} ${confidence}`, 'livelocked likely');
      const out = judged(asks, { ...ran, userTime: 4 }, interval);
      assert.equal(out.progress, 'progressing');
    });

    it('says unknown where a stack is not known outside of the allocator', () => {
      const guessed = { ...asks, stack: { whole: 'a' } };
      check(guessed, { ...guessed, switches: 20 }, 'unknown unknown possible');
    });

    it('says progressing of a task that came to the allocator, or left it', () => {
      const none = { request: { kind: 'none' } as const };
      check(none, asks, 'progressing begun certain');
      check(asks, none, 'progressing ended certain');
    });
  });
});
