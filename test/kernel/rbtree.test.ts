import assert from 'node:assert/strict';
import { rbtreeEntries } from '../../src/kernel/rbtree.ts';
import { Ref } from '../../src/target/ref.ts';
import { Problems } from '../../src/util/problems.ts';
import { FakeMemory } from '../support/fake-memory.ts';

/** The root at 0; item n at 0x100 * n with its rb_node 8 bytes in. */
function memoryWithTree(
  nodes: Readonly<Record<number, { left?: number; right?: number }>>,
): FakeMemory {
  const memory = new FakeMemory({
    rb_root: { size: 8, members: { rb_node: [0, 'struct rb_node *'] } },
    rb_node: {
      size: 24,
      members: { rb_right: [8, 'struct rb_node *'], rb_left: [16, 'struct rb_node *'] },
    },
    item: { size: 32, members: { id: [0, 'int'], node: [8, 'struct rb_node'] } },
  });
  const link = (n: number | undefined): bigint => (n === undefined ? 0n : memory.at(0x100 * n + 8));
  memory.u64(0, link(1));
  for (const [key, { left, right }] of Object.entries(nodes)) {
    const n = Number(key);
    memory.u32(0x100 * n, n);
    memory.u64(0x100 * n + 16, link(right));
    memory.u64(0x100 * n + 24, link(left));
  }
  return memory;
}

function walk(memory: FakeMemory): { ids: number[]; problems: string } {
  const problems = new Problems();
  const root = new Ref(memory, memory.struct('rb_root'), memory.at(0));
  const entry = { type: memory.struct('item'), member: 'node' };
  const ids = [...rbtreeEntries(root, entry, { problems, subject: 'tree' })].map((item) =>
    item.member('id').number(),
  );
  return { ids, problems: problems.list.map(({ message }) => message).join() };
}

describe('rbtreeEntries', () => {
  it('yields the structs from left to right', () => {
    const memory = memoryWithTree({
      1: { left: 2, right: 3 },
      2: { right: 4 },
      3: { left: 5 },
      4: {},
      5: {},
    });
    assert.deepEqual(walk(memory), { ids: [2, 4, 1, 5, 3], problems: '' });
  });

  it('yields nothing for an empty tree', () => {
    const memory = memoryWithTree({});
    memory.u64(0, 0n);
    assert.deepEqual(walk(memory), { ids: [], problems: '' });
  });

  it('yields each node once where one points back up', () => {
    const { ids, problems } = walk(
      memoryWithTree({ 1: { left: 2 }, 2: { left: 1, right: 3 }, 3: {} }),
    );
    assert.deepEqual(ids, [2, 3, 1]);
    assert.match(problems, /comes twice/);
  });

  it('goes on past a subtree that cannot be read', () => {
    const memory = memoryWithTree({ 1: { right: 2 }, 2: {} });
    memory.u64(0x100 + 24, 0xdead0000n);
    const { ids, problems } = walk(memory);
    assert.deepEqual(ids, [1, 2]);
    assert.match(problems, /0xdead0010/);
  });
});
