import assert from 'node:assert/strict';
import type { SharedStack } from '../../src/kernel/bt.ts';
import { certaintyText, otherFindings, stackLines } from '../../src/report/finding.ts';
import type { Finding } from '../../src/triage/finding.ts';

const FINDING: Finding = {
  diagnosis: 'D3',
  name: 'the OOM victim waits for a lock',
  sentence: 'It waits.',
  confidence: 'likely',
  because: 'its stack shows a lock',
  evidence: [],
  against: [],
  missing: [],
  next: 'look',
  culprits: [],
};

function stack(pid: number, ...names: string[]): SharedStack {
  return {
    stack: {
      type: 'stack',
      source: 'switched out',
      frames: names.map((name) => ({ pc: '0xffffffff81000000', sp: '0x0', name })),
      end: 'user',
    },
    tasks: [{ address: '0x1', pid, comm: 'java', state: 'D' }],
  };
}

const MUTEX = ['__schedule', 'schedule', '__mutex_lock.constprop.0', 'vfs_write', 'do_syscall_64'];

describe('certaintyText', () => {
  it('says how sure it is, and why', () => {
    assert.equal(certaintyText(FINDING), '(likely: its stack shows a lock)');
  });
});

describe('otherFindings', () => {
  it('names each in a line', () => {
    assert.deepEqual(otherFindings([FINDING]), [
      '  - the OOM victim waits for a lock (D3, likely)',
    ]);
  });
});

describe('stackLines', () => {
  it('has a stack in a line, without what every sleep and system call has', () => {
    assert.deepEqual(stackLines([stack(7, ...MUTEX)], { full: false }), [
      '  - java(7) D: __mutex_lock < vfs_write',
    ]);
  });

  it('keeps a stack that has nothing else', () => {
    assert.deepEqual(stackLines([stack(7, '__schedule', 'schedule')], { full: false }), [
      '  - java(7) D: __schedule',
    ]);
    assert.deepEqual(stackLines([stack(7)], { full: false }), ['  - java(7) D: in user mode']);
  });

  it('counts those that do not fit on a screen', () => {
    const many = [1, 2, 3, 4, 5, 6].map((pid) => stack(pid, ...MUTEX));
    const lines = stackLines(many, { full: false });
    assert.equal(lines.length, 5);
    assert.equal(lines[4], '  - and 2 more stacks  [stallcore bt --stalled]');
  });

  it('has every frame of every stack where all is asked for', () => {
    const lines = stackLines([stack(1, ...MUTEX), stack(2, ...MUTEX)], { full: true });
    assert.equal(lines.length, 2 * (1 + MUTEX.length));
    assert.match(lines[1] ?? '', /#0 ffffffff81000000 __schedule\+0x0$/);
  });
});
