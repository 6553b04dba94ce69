import assert from 'node:assert/strict';
import type { SharedStack } from '../../src/kernel/bt.ts';
import { certaintyText, otherFinding, stackLines, wholeStacks } from '../../src/report/finding.ts';
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
  it('names the finding, and says how sure it is, and why', () => {
    const said = '(D3, the OOM victim waits for a lock; likely: its stack shows a lock)';
    assert.equal(certaintyText(FINDING), said);
  });
});

describe('otherFinding', () => {
  it('has its name and its sentence in a line', () => {
    assert.equal(otherFinding(FINDING), 'the OOM victim waits for a lock (D3, likely): It waits.');
  });
});

describe('stackLines', () => {
  it('has a stack in a line, without what every sleep and system call has', () => {
    assert.deepEqual(stackLines([stack(7, ...MUTEX)]), ['java(7) D: __mutex_lock < vfs_write']);
  });

  it('keeps a stack that has nothing else', () => {
    assert.deepEqual(stackLines([stack(7, '__schedule', 'schedule')]), ['java(7) D: __schedule']);
    assert.deepEqual(stackLines([stack(7)]), ['java(7) D: in user mode']);
  });

  it('has those in a line that do the same, though their frames differ', () => {
    const asks = (pid: number, caller: string): SharedStack => ({
      ...stack(pid, 'shrink_node', 'try_to_free_pages', '__alloc_pages', caller),
      allocator: 'slow path',
    });
    assert.deepEqual(stackLines([asks(1, 'do_fault'), asks(2, 'pgd_alloc'), asks(3, 'do_fault')]), [
      '3 tasks in D, slow path: java(1), java(2), java(3): ' +
        'shrink_node < try_to_free_pages < __alloc_pages < do_fault (and 2 stacks like it)',
    ]);
  });

  it('gives a culprit a line of its own', () => {
    const lines = stackLines([stack(1, ...MUTEX), stack(2, ...MUTEX)], [2]);
    assert.deepEqual(lines, [
      'java(1) D: __mutex_lock < vfs_write',
      'java(2) D: __mutex_lock < vfs_write',
    ]);
  });

  it('counts the tasks that do not fit on a screen', () => {
    const many = [1, 2, 3, 4, 5, 6, 7].map((pid) => stack(pid, ...MUTEX, `caller_${pid}`));
    const lines = stackLines(many);
    assert.equal(lines.length, 6);
    assert.equal(lines[5], 'and 2 more tasks  [stallcore triage VMCORE --full]');
  });
});

describe('wholeStacks', () => {
  it('has every frame of every stack', () => {
    const lines = wholeStacks([stack(1, ...MUTEX), stack(2, ...MUTEX)]);
    assert.equal(lines.length, 2 * (1 + MUTEX.length));
    assert.match(lines[1] ?? '', /#0 ffffffff81000000 __schedule\+0x0$/);
  });
});
