import assert from 'node:assert/strict';
import { hlistEntries, listEntries } from '../../src/kernel/list.ts';
import { Ref } from '../../src/target/ref.ts';
import { Problems } from '../../src/util/problems.ts';
import { FakeMemory } from '../support/fake-memory.ts';

function memoryWithLists(): FakeMemory {
  return new FakeMemory({
    list_head: {
      size: 16,
      members: { next: [0, 'struct list_head *'], prev: [8, 'struct list_head *'] },
    },
    hlist_head: { size: 8, members: { first: [0, 'struct hlist_node *'] } },
    hlist_node: { size: 8, members: { next: [0, 'struct hlist_node *'] } },
    task: {
      size: 64,
      members: { id: [0, 'int'], link: [8, 'struct list_head'], h: [24, 'struct hlist_node'] },
    },
  });
}

/** Heads at 0; task n lies at 0x100 * n. Sets each task's link to the one after. */
function chain(memory: FakeMemory, nexts: Readonly<Record<number, bigint>>): void {
  for (const [offset, next] of Object.entries(nexts)) memory.u64(Number(offset), next);
  for (let n = 1; n <= 3; n++) memory.u32(0x100 * n, n);
}

interface Walk {
  readonly ids: number[];
  readonly problems: readonly string[];
}

function walk(memory: FakeMemory, kind: 'list' | 'hlist', entriesMax?: number): Walk {
  const problems = new Problems();
  const options = {
    problems,
    subject: 'tasks',
    ...(entriesMax === undefined ? {} : { entriesMax }),
  };
  const head = new Ref(
    memory,
    memory.struct(kind === 'list' ? 'list_head' : 'hlist_head'),
    memory.at(0),
  );
  const type = memory.struct('task');
  const entries =
    kind === 'list'
      ? listEntries(head, { type, member: 'link' }, options)
      : hlistEntries(head, { type, member: 'h' }, options);
  const ids = [...entries].map((task) => task.member('id').number());
  return { ids, problems: problems.list.map(({ message }) => message) };
}

describe('listEntries', () => {
  it('yields the structs in list order, without the head', () => {
    const memory = memoryWithLists();
    chain(memory, { 0: memory.at(0x208), 0x208: memory.at(0x108), 0x108: memory.at(0) });
    assert.deepEqual(walk(memory, 'list'), { ids: [2, 1], problems: [] });
  });

  it('yields nothing for an empty list', () => {
    const memory = memoryWithLists();
    chain(memory, { 0: memory.at(0) });
    assert.deepEqual(walk(memory, 'list'), { ids: [], problems: [] });
  });

  it('stops where an entry comes again before the head does', () => {
    const memory = memoryWithLists();
    chain(memory, { 0: memory.at(0x108), 0x108: memory.at(0x208), 0x208: memory.at(0x108) });
    const { ids, problems } = walk(memory, 'list');
    assert.deepEqual(ids, [1, 2]);
    assert.match(problems.join(), /circular after 2 entries/);
  });

  it('keeps what it found where a node cannot be read', () => {
    const memory = memoryWithLists();
    chain(memory, { 0: memory.at(0x108), 0x108: 0xdeadbeef00n });
    const { ids, problems } = walk(memory, 'list', 10);
    assert.deepEqual(ids, [1]);
    assert.match(problems.join(), /0xdeadbeef00/);
  });

  it('says where a next pointer is 0', () => {
    const memory = memoryWithLists();
    chain(memory, { 0: memory.at(0x108), 0x108: 0n });
    const { ids, problems } = walk(memory, 'list');
    assert.deepEqual(ids, [1]);
    assert.match(problems.join(), /next pointer of 0/);
  });

  it('stops at the bound', () => {
    const memory = memoryWithLists();
    chain(memory, { 0: memory.at(0x108), 0x108: memory.at(0x208), 0x208: memory.at(0) });
    const { ids, problems } = walk(memory, 'list', 1);
    assert.deepEqual(ids, [1]);
    assert.match(problems.join(), /longer than it can be/);
  });
});

describe('hlistEntries', () => {
  it('yields the structs up to the NULL', () => {
    const memory = memoryWithLists();
    chain(memory, { 0: memory.at(0x118), 0x118: memory.at(0x318), 0x318: 0n });
    assert.deepEqual(walk(memory, 'hlist'), { ids: [1, 3], problems: [] });
  });

  it('stops at a cycle', () => {
    const memory = memoryWithLists();
    chain(memory, { 0: memory.at(0x118), 0x118: memory.at(0x118) });
    const { ids, problems } = walk(memory, 'hlist');
    assert.deepEqual(ids, [1]);
    assert.match(problems.join(), /circular/);
  });

  it('stops where a node cannot be read, and at the bound', () => {
    const memory = memoryWithLists();
    chain(memory, { 0: memory.at(0x118), 0x118: 0xdeadbeef00n });
    const { ids, problems } = walk(memory, 'hlist', 10);
    assert.deepEqual(ids, [1]);
    assert.match(problems.join(), /0xdeadbeef00/);
    chain(memory, { 0x118: memory.at(0x218), 0x218: 0n });
    const bounded = walk(memory, 'hlist', 1);
    assert.deepEqual(bounded.ids, [1]);
    assert.match(bounded.problems.join(), /longer than it can be/);
  });
});
