import assert from 'node:assert/strict';
import { chainLines, chainText } from '../../src/report/chains.ts';
import type { WaitChain } from '../../src/triage/chains.ts';

const VICTIM: WaitChain = {
  start: 'OOM victim',
  from: 'java(47)',
  pids: [47],
  steps: [{ waitsFor: 'mutex oom_lock', pid: 45, name: 'backup(45)' }],
  end: { kind: 'memory' },
};

function other(pid: number, holder: number): WaitChain {
  const steps = [{ waitsFor: `mutex 0x${holder}`, pid: holder, name: `holder(${holder})` }];
  return { start: 'other', from: `task(${pid})`, pids: [pid], steps };
}

describe('chainText', () => {
  it('has the locks between those who wait and those who have them', () => {
    assert.equal(chainText(VICTIM), 'OOM victim java(47) -[mutex oom_lock]-> backup(45) -[memory]');
  });

  it('says where a chain ends that does not end in the allocator', () => {
    const end = { kind: 'does', function: 'pipe_read' } as const;
    assert.match(chainText({ ...VICTIM, end }), /-> backup\(45\), in pipe_read\(\)$/);
    assert.match(chainText({ ...VICTIM, end: { kind: 'cycle' } }), /, in a circle$/);
    assert.match(chainText({ ...VICTIM, end: { kind: 'writeback' } }), / -\[writeback\]$/);
    const ofCgroup = { kind: 'memory cgroup' } as const;
    assert.match(chainText({ ...VICTIM, end: ofCgroup }), / -\[memory of its cgroup\]$/);
    const unknown = { start: 'request', from: 'a(1)', pids: [1] } as const;
    assert.equal(
      chainText({ ...unknown, steps: [{ waitsFor: 'mutex 0x1' }] }),
      'a(1) -[mutex 0x1]-> not known who',
    );
  });

  it('says that a reader may have given the lock back', () => {
    const steps = [{ waitsFor: 'rw semaphore 0x1', pid: 2, name: 'b(2)', isUnsure: true as const }];
    assert.match(chainText({ ...VICTIM, steps }), /-> b\(2\) \(may have left it\) -\[memory\]$/);
  });
});

describe('chainLines', () => {
  const chains = [VICTIM, other(1, 9), other(2, 8)];

  it('leaves out those of no interest to the allocator, unless they lead to a culprit', () => {
    const lines = (culprits: number[]): number =>
      chainLines(chains, { full: false, culprits }).length;
    assert.equal(lines([]), 1);
    assert.equal(lines([8]), 2);
  });

  it('has them where all is asked for, and where memory is not what is short', () => {
    assert.equal(chainLines(chains, { full: true, culprits: [] }).length, 3);
    assert.equal(chainLines(chains, { full: false, isNoStall: true, culprits: [] }).length, 3);
  });

  it('counts what does not fit on a screen', () => {
    const many = Array.from({ length: 7 }, () => VICTIM);
    const lines = chainLines(many, { full: false, culprits: [] });
    assert.equal(lines.length, 5);
    assert.match(lines[4] ?? '', /^and 3 more chains {2}\[stallcore triage VMCORE --full\]$/);
  });
});
