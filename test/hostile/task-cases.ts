// Dumps of which the kernel is found and its data is damaged: task list, pid IDR, signal_struct,
// memalloc records, run queues, time.

import type { DamagedCase } from '../support/damage.ts';
import type { Specimen } from '../support/specimen.ts';
import { vaddr, type Vaddr } from '../../src/util/address.ts';

const memory =
  (damage: (s: Specimen) => unknown) =>
  (s: Specimen): Uint8Array => {
    damage(s);
    return s.elf();
  };

const GARBAGE = 0x4141414141414141n;
const NON_CANONICAL = 0x0000_8000_0000_0000n;

const task = (s: Specimen, pid: number, path: string): Vaddr =>
  s.member('task_struct', s.task(pid), path);
const init = (s: Specimen, path: string): Vaddr =>
  s.member('task_struct', s.symbol('init_task'), path);
const signal = (s: Specimen, pid: number, path: string): Vaddr =>
  s.member('signal_struct', s.pointer(task(s, pid, 'signal')), path);
const setTask = (pid: number, path: string, value: bigint | number, size: 1 | 2 | 4 | 8 = 8) =>
  memory((s) => s.set(task(s, pid, path), value, size));

/** The root of the pid IDR, and its top node. */
const idrRoot = (s: Specimen): Vaddr =>
  s.member('pid_namespace', s.symbol('init_pid_ns'), 'idr.idr_rt.xa_head');
const idrNode = (s: Specimen): Vaddr => vaddr(s.pointer(idrRoot(s)) & ~3n);
const slot = (s: Specimen, node: Vaddr, index: number): Vaddr =>
  s.member('xa_node', node, `slots[${index}]`);

/** A chain of nodes whose 64 slots all lead to the next: 64^10 ways through ten nodes. */
function exponentialIdr(s: Specimen): void {
  const nodes = [...Array(10).keys()].map((i) => vaddr(s.task(1) + BigInt(i) * 576n));
  nodes.forEach((node, i) => {
    s.set(s.member('xa_node', node, 'shift'), 60 - i * 6, 1);
    const next = nodes[i + 1];
    for (let n = 0; n < 64; n++) s.set(slot(s, node, n), next === undefined ? 0 : next + 2n);
  });
  s.set(idrRoot(s), (nodes[0] as Vaddr) + 2n);
}

const record = (pid: number, path: string, value: bigint | number, size: 4 | 8 = 4) =>
  setTask(pid, `memalloc.${path}`, value, size);

export const TASK_LIST_CASES: readonly DamagedCase[] = [
  {
    name: 'task list: init_task not dumped',
    make: memory((s) => s.exclude(s.symbol('init_task'))),
    exitCode: 1,
    says: /init_task\.tasks: virtual address 0x\w+: cannot read the page: physical address 0x\w+/,
  },
  {
    name: 'task list: next of init_task is 0',
    make: memory((s) => s.set(init(s, 'tasks.next'), 0)),
    exitCode: 1,
    says: /init_task\.tasks: entry 0 has a next pointer of 0, the list has no end/,
  },
  {
    name: 'task list: next of init_task is garbage',
    make: memory((s) => s.set(init(s, 'tasks.next'), GARBAGE)),
    exitCode: 1,
    says: /init_task\.tasks: virtual address 0x\w+: not a canonical address/,
  },
  {
    name: 'task list: next not canonical',
    make: setTask(412, 'tasks.next', NON_CANONICAL),
    exitCode: 1,
    says: /init_task\.tasks: virtual address 0x\w+: not a canonical address/,
  },
  {
    name: 'task list: next is 0',
    make: setTask(412, 'tasks.next', 0),
    exitCode: 1,
    says: /init_task\.tasks: entry \d+ has a next pointer of 0, the list has no end/,
  },
  {
    name: 'task list: a task is its own next',
    make: memory((s) => s.set(task(s, 412, 'tasks.next'), task(s, 412, 'tasks.next'))),
    exitCode: 1,
    says: /init_task\.tasks: the list is circular after \d+ entries, at 0x\w+/,
  },
  {
    name: 'task list: runs back into itself',
    make: memory((s) => s.set(task(s, 700, 'tasks.next'), task(s, 240, 'tasks'))),
    exitCode: 1,
    says: /init_task\.tasks: the list is circular after \d+ entries, at 0x\w+/,
  },
  {
    name: 'task list: runs into a thread list',
    make: memory((s) => s.set(task(s, 412, 'tasks.next'), task(s, 533, 'thread_node'))),
    exitCode: 1,
    says: /threads of task 0x\w+: entry 0 has a next pointer of 0, the list has no end/,
  },
  {
    name: 'task list: next off by one byte',
    make: memory((s) =>
      s.set(task(s, 412, 'tasks.next'), s.pointer(task(s, 412, 'tasks.next')) + 1n),
    ),
    exitCode: 1,
    says: /threads of task 0x\w+: virtual address 0x\w+: not a canonical address/,
  },
  {
    name: 'task list: a task_struct not dumped',
    make: memory((s) => s.exclude(s.task(700))),
    exitCode: 1,
    says: /init_task\.tasks: virtual address 0x\w+: cannot read the page: physical address 0x\w+/,
  },
  {
    name: 'task_struct: all ones',
    make: memory((s) => s.write(s.task(700), new Uint8Array(6000).fill(0xff))),
    exitCode: 1,
    says: /threads of task 0x\w+: virtual address 0xf: pgd\[0\] = 0x0 not present/,
  },
  {
    name: 'task_struct: all zeros',
    make: memory((s) => s.write(s.task(700), new Uint8Array(6000))),
    exitCode: 1,
    says: /threads of task 0x\w+: entry 0 has a next pointer of 0, the list has no end/,
  },
  {
    name: 'task_struct: comm without an end',
    make: memory((s) => s.write(task(s, 700, 'comm'), new Uint8Array(16).fill(0x1b))),
    exitCode: 0,
    says: /(\\x1b){16}/,
  },
  {
    name: 'task_struct: real_parent garbage',
    make: setTask(700, 'real_parent', GARBAGE),
    exitCode: 1,
    says: /real_parent 0x\w+\.tgid: virtual address 0x\w+: not a canonical address/,
  },
  {
    // The list before signal->thread_head is the way out.
    name: 'task_struct: signal 0, thread_group 0',
    make: memory((s) => {
      for (const path of ['signal', 'thread_group.next']) {
        s.set(s.member('task_struct', s.task(700), path), 0);
      }
      return s;
    }),
    exitCode: 1,
    says: /threads of task 0x\w+: entry 0 has a next pointer of 0, the list has no end/,
  },
  {
    name: 'task_struct: signal garbage',
    make: setTask(700, 'signal', GARBAGE),
    exitCode: 1,
    says: /threads of task 0x\w+: virtual address 0x\w+: not a canonical address/,
  },
  {
    name: 'task_struct: stack garbage',
    make: setTask(700, 'stack', GARBAGE),
    exitCode: 0,
    says: /\d+ tasks, 4 idle tasks; the task list and the pid IDR agree/,
  },
  {
    name: 'signal_struct: thread list leads nowhere',
    make: memory((s) => s.set(signal(s, 530, 'thread_head.next'), GARBAGE)),
    exitCode: 1,
    says: /threads of task 0x\w+: virtual address 0x\w+: not a canonical address/,
  },
  {
    name: 'signal_struct: thread list circular',
    make: memory((s) => s.set(task(s, 534, 'thread_node.next'), task(s, 533, 'thread_node'))),
    exitCode: 1,
    says: /threads of task 0x\w+: the list is circular or runs into another one after 3 entries, a/,
  },
  {
    name: 'signal_struct: thread list empty',
    make: memory((s) => s.set(signal(s, 530, 'thread_head.next'), signal(s, 530, 'thread_head'))),
    exitCode: 1,
    says: /task list: init_task\.tasks leads to \d+ tasks, the pid IDR to \d+; 0 only in the/,
  },
  {
    name: 'signal_struct: of another process',
    make: memory((s) => s.set(task(s, 700, 'signal'), s.pointer(task(s, 530, 'signal')))),
    exitCode: 1,
    says: /threads of task 0x\w+: the list is circular or runs into another one after 0 entries, a/,
  },
  {
    name: 'signal_struct: not dumped',
    make: memory((s) => s.exclude(signal(s, 530, 'thread_head'))),
    exitCode: 1,
    says: /threads of task 0x\w+: virtual address 0x\w+: cannot read the page: physic/,
  },
  {
    name: 'pid IDR: root 0',
    make: memory((s) => s.set(idrRoot(s), 0)),
    exitCode: 1,
    says: /task list: init_task\.tasks leads to \d+ tasks, the pid IDR to 0; \d+ only in the/,
  },
  {
    name: 'pid IDR: root garbage',
    make: memory((s) => s.set(idrRoot(s), GARBAGE + 1n)),
    exitCode: 1,
    says: /pid IDR: virtual address 0x\w+: not a canonical address/,
  },
  {
    name: 'pid IDR: root one task',
    make: memory((s) => s.set(idrRoot(s), s.task(1))),
    exitCode: 1,
    says: /task_struct 0x\w+\.cpu: virtual address 0x\w+: pgd\[0\] = 0x0 not present/,
  },
  {
    name: 'pid IDR: node in its own slot',
    make: memory((s) => s.set(slot(s, idrNode(s), 5), idrNode(s) + 2n)),
    exitCode: 1,
    says: /pid IDR: node 0x\w+ comes a second time; it is not followed/,
  },
  {
    name: 'pid IDR: shift 255',
    make: memory((s) => s.set(s.member('xa_node', idrNode(s), 'shift'), 255, 1)),
    exitCode: 1,
    says: /pid IDR: node 0x\w+ has shift 255 below shift \d+/,
  },
  {
    name: 'pid IDR: all slots garbage',
    make: memory((s) => {
      for (let i = 0; i < 64; i++) s.set(slot(s, idrNode(s), i), GARBAGE + 1n);
    }),
    exitCode: 1,
    says: /pid IDR: virtual address 0x\w+: not a canonical address/,
  },
  {
    name: 'pid IDR: 64^10 ways',
    make: memory(exponentialIdr),
    exitCode: 1,
    says: /threads of task 0x\w+: entry 0 has a next pointer of 0, the list has no end/,
  },
  {
    name: 'pid IDR: not dumped',
    make: memory((s) => s.exclude(idrNode(s))),
    exitCode: 1,
    says: /pid IDR: virtual address 0x\w+: cannot read the page: physical address 0x\w+: not i/,
  },
];

export const STATE_CASES: readonly DamagedCase[] = [
  {
    name: 'memalloc record: depth 255',
    verb: 'memalloc',
    options: ['--all'],
    make: memory((s) => s.write(task(s, 288, 'memalloc.valid'), Uint8Array.of(0xff))),
    exitCode: 0,
    says: /corrupt depth 255/,
  },
  {
    name: 'memalloc record: odd sequence',
    verb: 'memalloc',
    options: ['--all'],
    make: record(288, 'sequence', 9),
    exitCode: 0,
    says: /torn update/,
  },
  {
    name: 'memalloc record: start in the future',
    verb: 'memalloc',
    options: ['--all'],
    make: record(288, 'start', -1n, 8),
    exitCode: 1,
    says: /start is 18446744073709551615, expected jiffies from \d+ to \d+/,
  },
  {
    name: 'memalloc record: order 2^31',
    verb: 'memalloc',
    make: record(288, 'order', 2 ** 31),
    exitCode: 0,
    says: /sshd\(288\) .*order=2147483648 /,
  },
  {
    name: 'memalloc record: gfp 2^32 - 1',
    verb: 'memalloc',
    make: record(288, 'gfp', 2 ** 32 - 1),
    exitCode: 0,
    says: /sshd\(288\) .*gfp=0xffffffff /,
  },
  {
    name: 'memalloc record: not dumped',
    verb: 'memalloc',
    make: memory((s) => s.exclude(task(s, 288, 'memalloc'))),
    exitCode: 1,
    says: /threads of task 0x\w+: virtual address 0x\w+: cannot read the page: physic/,
  },
  {
    name: 'memalloc: kmallocwd_timeout 2^63',
    verb: 'memalloc',
    make: memory((s) => s.set(s.symbol('kmallocwd_timeout'), 2n ** 63n)),
    exitCode: 0,
    says: /no request is older than \d+ s: the watchdog would have printed nothing at this instan/,
  },
  {
    name: 'jiffies: not dumped',
    verb: 'memalloc',
    make: memory((s) => s.exclude(s.symbol('jiffies_64'))),
    exitCode: 1,
    says: /nothing was counted\n.*jiffies_64: virtual address 0x\w+: cannot read the page/,
  },
  {
    name: 'clocksource: shift 2^32 - 1',
    verb: 'memalloc',
    make: memory((s) =>
      s.set(s.member('clocksource', s.symbol('clocksource_jiffies'), 'shift'), 2 ** 32 - 1, 4),
    ),
    exitCode: 0,
    says: /MemAlloc-Info: /,
  },
  {
    name: 'clocksource: mult 0',
    verb: 'memalloc',
    make: memory((s) =>
      s.set(s.member('clocksource', s.symbol('clocksource_jiffies'), 'mult'), 0, 4),
    ),
    exitCode: 0,
    says: /MemAlloc-Info: /,
  },
  {
    name: 'CPU mask: all ones',
    make: memory((s) => s.set(s.symbol('__cpu_possible_mask'), -1)),
    exitCode: 1,
    says: /runqueue of CPU 4: virtual address 0x910: pgd\[0\] = 0x0 not present/,
  },
  {
    name: 'CPU mask: zeros',
    make: memory((s) => s.set(s.symbol('__cpu_possible_mask'), 0)),
    exitCode: 1,
    says: /CPU masks: __cpu_possible_mask: no CPU is possible/,
  },
  {
    name: 'per-CPU offsets: garbage',
    make: memory((s) => s.set(s.symbol('__per_cpu_offset'), GARBAGE)),
    exitCode: 1,
    says: /runqueue of CPU 0: virtual address 0x\w+: not a canonical address/,
  },
  {
    name: 'per-CPU offsets: not dumped',
    make: memory((s) => s.exclude(s.symbol('__per_cpu_offset'))),
    exitCode: 1,
    says: /runqueue of CPU 0: virtual address 0x\w+: cannot read the page: physical address 0x\w+/,
  },
  {
    name: 'CPU masks: not dumped',
    make: memory((s) => s.exclude(s.symbol('__cpu_online_mask'))),
    exitCode: 1,
    says: /CPU masks: virtual address 0x\w+: cannot read the page: physical address 0x\w+: not/,
  },
  {
    name: 'per-CPU memory: not dumped',
    make: memory((s) => s.exclude(s.perCpu('runqueues', 1))),
    exitCode: 1,
    says: /runqueue of CPU 1: virtual address 0x\w+: cannot read the page: physical address 0x\w+/,
  },
  {
    name: 'run queue: idle garbage',
    make: memory((s) => s.set(s.member('rq', s.perCpu('runqueues', 1), 'idle'), GARBAGE)),
    exitCode: 1,
    says: /task_struct 0x\w+\.cpu: virtual address 0x\w+: not a canonical address/,
  },
  {
    name: 'run queue: idle 0',
    make: memory((s) => s.set(s.member('rq', s.perCpu('runqueues', 1), 'idle'), 0)),
    exitCode: 0,
    says: /\d+ tasks, 3 idle tasks; the task list and the pid IDR agree/,
  },
  {
    name: 'run queue: curr garbage',
    make: memory((s) => s.set(s.member('rq', s.perCpu('runqueues', 1), 'curr'), GARBAGE)),
    exitCode: 1,
    says: /runqueue of CPU 1: curr is task 0x4141414141414141, which no list leads to/,
  },
  {
    name: 'read-only data: task_state_array garbage',
    make: memory((s) => s.set(s.symbol('task_state_array'), GARBAGE)),
    exitCode: 0,
    says: /\d+ tasks, 4 idle tasks; the task list and the pid IDR agree/,
  },
  {
    name: 'read-only data: linux_banner without an end',
    verb: 'info',
    make: memory((s) => s.write(s.symbol('linux_banner'), new Uint8Array(300).fill(0x41))),
    exitCode: 0,
    says: /RELEASE .*-sim/,
  },
  {
    name: 'read-only data: .notes garbage',
    verb: 'info',
    make: memory((s) => s.write(s.symbol('__start_notes'), new Uint8Array(12).fill(0xff))),
    exitCode: 0,
    says: /BUILD ID .*/,
  },
  {
    name: 'init_uts_ns: all ones',
    verb: 'info',
    make: memory((s) => s.write(s.symbol('init_uts_ns'), new Uint8Array(390).fill(0xff))),
    exitCode: 1,
    says: /VMCOREINFO in the PT_NOTE: no page table in the dump maps swapper_pg_dir \(0x\w+\):/,
  },
];
