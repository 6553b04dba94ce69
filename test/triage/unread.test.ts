import assert from 'node:assert/strict';
import type { LocksResult } from '../../src/kernel/locking/lock.ts';
import type { OomState } from '../../src/kernel/oom.ts';
import type { Facts } from '../../src/triage/facts.ts';
import { unreadBeside, unreadLog, unreadOf } from '../../src/triage/unread.ts';
import { facts } from '../support/facts-builder.ts';
import { historyOf } from '../support/history-builder.ts';

const WHOLE: Partial<Facts> = {
  locks: { type: 'locks' } as LocksResult,
  nodes: [],
  oom: { type: 'oom' } as OomState,
  workqueues: {
    type: 'workqueues',
    pools: [{ address: '0x1', busy: [], idle: [], others: [], pending: [] }],
    workqueues: [],
  },
  unread: [],
};

describe('unreadBeside', () => {
  it('says where it begins and what it may hide, and nothing where all was read', () => {
    assert.deepEqual(unreadBeside(0, []), []);
    const [said] = unreadBeside(3, ['kernel_cpustat of CPU 0']);
    assert.match(said ?? '', /\(3 problems, the first: kernel_cpustat of CPU 0\): may hide who/);
  });
});

describe('unreadOf', () => {
  it('says nothing of a dump that was read whole', () => {
    assert.deepEqual(unreadOf(facts([{ pid: 1 }], WHOLE)), []);
  });

  it('says what a part that is not whole may hide', () => {
    const [said] = unreadOf(
      facts([], { ...WHOLE, unread: [{ part: 'zones', problems: 2, subjects: ['node 0'] }] }),
    );
    assert.match(
      said ?? '',
      /^zones could not be read whole \(2 problems, the first: node 0\): may hide .* \(D6, D7\)$/,
    );
  });

  it('tells a part that is missing, with a problem or without', () => {
    const { locks, ...rest } = WHOLE;
    assert.ok(locks);
    assert.match(unreadOf(facts([], rest)).join(), /^locks: .* may hide who holds what/);
    const unread = [{ part: 'locks', problems: 1, subjects: [] }] as const;
    assert.match(
      unreadOf(facts([], { ...rest, unread })).join('\n'),
      /^locks could not be read \(1 problem\): [^\n]*$/,
    );
  });

  it('says that the end of the dump is missing, and how many stacks', () => {
    const cut = 'a.vmcore is cut off: it has 1.0 MiB of at least 2.0 MiB';
    const made = facts([{ pid: 1 }], { ...WHOLE, cut });
    const stackless = { ...made, tasks: made.tasks.map((fact) => ({ ...fact, stack: undefined })) };
    const [end, stacks] = unreadOf(stackless);
    assert.match(end ?? '', /the missing end of the dump: a\.vmcore is cut off/);
    assert.match(stacks ?? '', /^the stacks of 1 task: they may be in the allocator/);
  });
});

describe('unreadLog', () => {
  it('says what a log that could not be read may hide, and nothing of one that was', () => {
    assert.match(unreadLog(facts([], WHOLE)).join(), /log could not be read: may hide since when/);
    const history = historyOf(['[    0.000000] Linux version 6.1.0'], 1);
    assert.deepEqual(unreadLog(facts([], { ...WHOLE, history })), []);
  });
});
