// task_struct.memalloc in each layout that it had, end to end: a machine with the layout, written
// to a file and read back.

import assert from 'node:assert/strict';
import type { MemallocFormatId } from '../../src/kernel/memalloc-format.ts';
import {
  findMemallocLayout,
  outermostRequests,
  readMemallocRecords,
  type MemallocLayoutId,
  type MemallocRecord,
} from '../../src/kernel/memalloc.ts';
import { readMemalloc } from '../../src/kernel/memalloc-report.ts';
import { readTasks } from '../../src/kernel/task.ts';
import { TIF_MEMDIE_BIT, TIF_SIGPENDING_BIT } from '../../src/sim/image/kernel-code.ts';
import type { MachineImage } from '../../src/sim/image/machine.ts';
import type { Vmcore } from '../../src/target/vmcore.ts';
import { findMember } from '../../src/types/ctype.ts';
import type { LayoutTypes } from '../../src/types/layout.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../src/util/address.ts';
import { PROCESSES, RECORDS } from '../support/layout-cast.ts';
import {
  HZ,
  withLayoutMachine,
  type LayoutJson,
  type LayoutMachineOptions,
} from '../support/layout-machine.ts';

/** A version of each layout. */
const LAYOUTS: Readonly<Record<MemallocLayoutId, MemallocFormatId>> = {
  L1: 'v1',
  L2: 'v2',
  L3: 'v3',
  L4: '2016-02-25',
  L4k: '2016-03-02',
  L5: 'v5',
  L8: 'v8',
  LR: 'rfc2',
};

type ById = Partial<Record<MemallocLayoutId, unknown>>;

const COUNTS_TWICE: readonly MemallocLayoutId[] = ['L3', 'L4', 'L4k'];

/** What only some layouts say of task 53: nested twice, sequence 16, idx 1, active index 0. */
const OF_NESTED: Readonly<Partial<Record<keyof MemallocRecord, ById>>> = {
  sequence: { L3: 16, L4: 16, L4k: 16, L5: 16, L8: 16, LR: 16 },
  seq: { L3: 8, L4: 8, L4k: 8, L5: 16, L8: 16, LR: 16 },
  dumped: { L1: 0, L2: 0, L3: 0 },
  reportType: { L4: 0, L4k: 0, L5: 0 },
  report: { L8: false },
  knownLocation: { L4k: 1 },
  idx: { L1: 1, L5: 1, L8: 1 },
  survivedInterval: { L1: true, L5: true, L8: true },
};

/** The same of task 51, which a report was about to list, and of 52: traces, the other counter. */
const OF_HALF: typeof OF_NESTED = {
  reportType: { L4: 4, L4k: 4, L5: 4 },
  report: { L8: true },
};
const OF_THREAD: typeof OF_NESTED = {
  dumped: { L1: 2, L2: 2, L3: 2 },
  idx: { L1: 0, L5: 0, L8: 0 },
  survivedInterval: { L1: false, L5: false, L8: false },
};

interface Read {
  readonly records: ReadonlyMap<number, MemallocRecord>;
  readonly problems: readonly string[];
}

function readRecords(vmcore: Vmcore, id: MemallocLayoutId): Read {
  const layout = findMemallocLayout(vmcore);
  assert.equal(layout?.id, id);
  const { tasks } = readTasks(vmcore);
  const jiffies = vmcore.global('jiffies_64').integer();
  const pids = new Map(tasks.map(({ address, pid }) => [address, pid ?? -1]));
  const read = readMemallocRecords(vmcore, layout, { tasks, jiffies });
  const records = id === 'L1' ? outermostRequests(read) : read;
  return {
    records: new Map(records.map((record) => [pids.get(record.task) ?? -1, record])),
    problems: vmcore.problems.list.map(({ subject, message }) => `${subject}: ${message}`),
  };
}

function machine(id: MemallocLayoutId, more: Partial<LayoutMachineOptions>): LayoutMachineOptions {
  const timeout = id === 'L1' || id === 'L2' || id === 'L3' ? BigInt(10 * HZ) : 10n;
  return { version: LAYOUTS[id], processes: PROCESSES, records: RECORDS, timeout, ...more };
}

for (const id of Object.keys(LAYOUTS) as MemallocLayoutId[]) {
  describe(`readMemallocRecords, layout ${id}`, () => {
    let read: Read;
    const record = (pid: number): MemallocRecord => {
      const found = read.records.get(pid);
      assert.ok(found, `no record of pid ${pid}`);
      return found;
    };
    /** The fields that `table` names, absent ones as undefined. */
    const assertFields = (pid: number, table: typeof OF_NESTED): void => {
      for (const [field, values] of Object.entries(table) as [keyof MemallocRecord, ById][]) {
        assert.equal(record(pid)[field], values[id], field);
      }
    };
    // On memalloc_list are requests in flight, one entry each, and no counter of depth.
    const keepsHistory = id !== 'L1';

    before(async () => {
      read = await withLayoutMachine(machine(id, {}), (vmcore) => readRecords(vmcore, id));
    });

    it('reads everything without a problem', () => {
      assert.deepEqual(read.problems, []);
      const listed = Object.entries(RECORDS).filter(([, { depth }]) => depth === 1 || depth === 2);
      const threadCount = PROCESSES.flatMap(({ threads }) => threads).length;
      assert.equal(read.records.size, keepsHistory ? threadCount : listed.length);
    });

    it('reads start, age, order and mask', () => {
      const { start, delay, order, gfpMask, depth, mempool } = record(52);
      assert.deepEqual(
        { delay, order, gfpMask, depth, mempool },
        { delay: String(12 * HZ), order: 2, gfpMask: '0xcc0', depth: 1, mempool: false },
      );
      assert.equal(BigInt(start) + BigInt(delay ?? 0), BigInt(record(50).start) + BigInt(2 * HZ));
    });

    it('tells a nested request by its depth and describes the outer one', () => {
      const { depth, delay, corruptDepth } = record(53);
      assert.deepEqual(
        { depth, delay, corruptDepth },
        { depth: 2, delay: String(20 * HZ), corruptDepth: false },
      );
    });

    it('has the fields of its layout and no others', () => {
      assertFields(53, OF_NESTED);
      assertFields(51, OF_HALF);
      assertFields(52, OF_THREAD);
    });

    it('sees an update in progress where the sequence is counted twice', () => {
      assert.equal(record(60).torn, COUNTS_TWICE.includes(id));
      assert.equal(record(52).torn, false);
    });

    it('knows a request of mempool_alloc() by its order', () => {
      assert.equal(record(61).mempool, true);
      assert.equal(record(61).order, undefined);
    });

    if (!keepsHistory) return;

    it('keeps the last request of a task that is not allocating', () => {
      const { depth, order, delay, inherited } = record(65);
      assert.deepEqual(
        { depth, order, delay, inherited },
        { depth: 0, order: 3, delay: String(50 * HZ), inherited: false },
      );
    });

    it("knows a record that fork() left as the parent's, but without a sequence cannot", () => {
      assert.equal(record(59).inherited, id !== 'L2');
      assert.equal(record(1).inherited, false);
    });

    it('calls a depth impossible that no task can nest to', () => {
      assert.deepEqual(
        [63, 64, 53].map((pid) => [record(pid).depth, record(pid).corruptDepth]),
        [
          [255, true],
          [5, true],
          [2, false],
        ],
      );
    });

    it('says nothing of counters about a request that is over', () => {
      assert.equal(record(65).survivedInterval, undefined);
    });
  });
}

describe('readMemallocRecords', () => {
  it('tells by the active index which requests survived an interval', async () => {
    await withLayoutMachine(machine('L8', { activeIndex: 1 }), (vmcore) => {
      const { records } = readRecords(vmcore, 'L8');
      assert.equal(records.get(52)?.survivedInterval, true);
      assert.equal(records.get(53)?.survivedInterval, false);
    });
  });

  it('keeps the entries of memalloc_list before a bad link, and says that it is bad', async () => {
    const editMemory = ({ areas, kernel, tasks }: MachineImage): void => {
      const { memory } = areas;
      const nextOf = (node: Vaddr): Vaddr =>
        vaddr(new DataView(memory.read(node, 8).buffer).getBigUint64(0, true));
      const first = nextOf(kernel.symbol('memalloc_list'));
      const second = nextOf(first);
      memory.writeInteger(second, 0x10, 8);
      // A task_struct, but none that a list leads to.
      const stranger = tasks.idle[0]?.threads[0];
      assert.ok(stranger);
      memory.writeInteger(vaddrAdd(first, 16), stranger.task, 8);
    };
    await withLayoutMachine(machine('L1', { editMemory }), (vmcore) => {
      const { tasks } = readMemalloc(vmcore);
      const pids = tasks.filter(({ record }) => record !== undefined).map(({ pid }) => pid);
      assert.deepEqual(pids, [53]);
      assert.deepEqual(
        vmcore.problems.list.map(({ subject }) => subject),
        ['memalloc_list', 'memalloc_list'],
      );
      const [link, owner] = vmcore.problems.list.map(({ message }) => message);
      assert.match(link ?? '', /0x10/);
      assert.match(owner ?? '', /which no list leads to/);
    });
  });

  it('finds records, threads and flags of a kernel that has them where 4.4 had them', async () => {
    const options = machine('L3', { editTypes: typesOf44, editMemory: memoryOf44 });
    await withLayoutMachine(options, (vmcore) => {
      const { tasks, constants } = readMemalloc(vmcore);
      assert.deepEqual(vmcore.problems.list, []);
      assert.deepEqual(
        constants.map(({ name, bit }) => [name, bit]),
        [
          ['TIF_MEMDIE', TIF_MEMDIE_BIT],
          ['TIF_SIGPENDING', TIF_SIGPENDING_BIT],
        ],
      );
      const byPid = new Map(tasks.map((task) => [task.pid, task]));
      assert.deepEqual(byPid.get(54)?.words, {
        uninterruptible: true,
        exiting: false,
        dying: true,
        victim: true,
      });
      assert.equal(byPid.get(55)?.words.victim, false);
      // 52 is a thread of 51.
      assert.equal(byPid.get(52)?.record?.delay, String(12 * HZ));
      assert.equal(tasks.length, PROCESSES.flatMap(({ threads }) => threads).length);
    });
  });
});

/** struct thread_info of 4.4 at the low end of the stack: flags behind the pointer to the task. */
const FLAGS_OFFSET = 8;

function typesOf44({ structs }: LayoutJson): void {
  const { task_struct: task, signal_struct: signal, list_head: list } = structs;
  assert.ok(task !== undefined && signal !== undefined && list !== undefined);
  const { __state: state, thread_node: threadNode, ...members } = task.members;
  assert.ok(state !== undefined && threadNode !== undefined);
  delete members.thread_info;
  delete signal.members.thread_head;
  task.members = { ...members, state, thread_group: threadNode };
  structs.thread_info = {
    kind: 'struct',
    size: 40,
    members: {
      task: { offset: 0, type: 'struct task_struct *' },
      flags: { offset: FLAGS_OFFSET, type: 'unsigned int' },
    },
  };
}

function memoryOf44({ areas, kernel, tasks }: MachineImage, types: LayoutTypes): void {
  const { memory } = areas;
  const struct = types.find('struct', 'task_struct');
  assert.ok(struct?.kind === 'struct');
  const place = findMember(struct, 'thread_group');
  assert.ok(place);
  for (const { threads } of [...tasks.idle, ...tasks.processes]) {
    const nodes = threads.map(({ task }) => vaddrAdd(task, place.bitOffset / 8));
    nodes.forEach((next, i) => {
      const prev = nodes.at(i - 1);
      assert.ok(prev !== undefined);
      memory.writeInteger(prev, next, 8);
      memory.writeInteger(vaddrAdd(next, 8), prev, 8);
    });
    for (const { task, stack, facts } of threads) {
      memory.writeInteger(stack, task, 8);
      memory.writeInteger(vaddrAdd(stack, FLAGS_OFFSET), facts.threadFlags, 4);
      // Where later kernels have them is something else.
      memory.writeInteger(task, 0, 8);
    }
  }
  const lockBtsl = [0xf0, 0x0f, 0xba, 0x68, FLAGS_OFFSET, TIF_MEMDIE_BIT, 0xc3];
  const lockOrb = [0xf0, 0x80, 0x48, FLAGS_OFFSET, 1 << TIF_SIGPENDING_BIT, 0xc3];
  memory.write(kernel.symbol('mark_oom_victim'), Uint8Array.from(lockBtsl));
  memory.write(kernel.symbol('signal_wake_up_state'), Uint8Array.from(lockOrb));
}
