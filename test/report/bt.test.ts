import assert from 'node:assert/strict';
import type { SharedStack } from '../../src/kernel/bt.ts';
import { btText, stackText } from '../../src/report/bt.ts';

const FRAMES = [
  {
    pc: '0xffffffff81000010',
    sp: '0xffffc90000001000',
    name: '__schedule',
    offset: 16,
    size: 1024,
  },
  {
    pc: '0xffffffffc0000123',
    sp: '0xffffc90000001010',
    name: 'fuse_lookup',
    offset: 0x23,
    size: 0,
    module: 'fuse',
  },
];

function shared(count: number, more: Partial<SharedStack['stack']> = {}): SharedStack {
  return {
    stack: { type: 'stack', source: 'switched out', frames: FRAMES, end: 'user', ...more },
    tasks: Array.from({ length: count }, (_, i) => ({
      address: '0x1',
      pid: 10 + i,
      comm: 'stat',
      state: 'D',
    })),
  };
}

describe('stackText', () => {
  it('prints places as the kernel does', () => {
    assert.equal(
      stackText(shared(1)),
      'stat(10) D\n' +
        '  #0 ffffffff81000010 __schedule+0x10/0x400\n' +
        '  #1 ffffffffc0000123 fuse_lookup+0x23 [fuse]\n',
    );
  });

  it('names eight of the tasks that share it', () => {
    const [head] = stackText(shared(10)).split('\n');
    assert.match(head ?? '', /^10 tasks in D: stat\(10\) .* stat\(17\) and 2 more$/);
  });

  it('marks what was guessed, what broke off, and what is left of the dead', () => {
    const frames = FRAMES.map((frame) => ({ ...frame, guessed: true as const }));
    const text = stackText(shared(1, { frames, problem: 'no ORC entry', freed: true }));
    assert.match(text, /^stat\(10\) D, dead: what is left of its stack$/m);
    assert.match(text, / \? __schedule\+0x10/);
    assert.match(text, /^ {2}broken off: no ORC entry$/m);
  });

  it('says who runs where, and in user mode', () => {
    const running: SharedStack = {
      ...shared(1, { frames: [] }),
      tasks: [
        {
          address: '0x1',
          pid: 3,
          comm: 'ksoftirqd/0',
          state: 'R',
          cpu: 0,
          onCpu: true,
          kthread: true,
        },
      ],
      allocator: 'slow path',
    };
    assert.equal(
      stackText(running),
      '[ksoftirqd/0](3) R on CPU 0, in the allocator (slow path)\n  in user mode\n',
    );
  });
});

describe('btText', () => {
  it('ends with how many there are, and what is not shown', () => {
    const text = btText({
      type: 'bt',
      method: 'frame pointers',
      stacks: [shared(2)],
      taskCount: 3,
      unreadable: [{ address: '0x1', pid: 7 }],
      asleep: 5,
    });
    assert.match(
      text,
      /\n3 tasks, 1 stack, by frame pointers; 1 NOT READ; 5 that sleep not shown \(--all\)\n$/,
    );
  });
});
