import assert from 'node:assert/strict';
import { xarrayEntries } from '../../src/kernel/xarray.ts';
import { Ref } from '../../src/target/ref.ts';
import { Problems } from '../../src/util/problems.ts';
import { FakeMemory } from '../support/fake-memory.ts';

const SLOTS = 16;

/** An xarray with 16 slots a node: the root at 0, nodes wherever a test puts them. */
function xarray(): FakeMemory {
  return new FakeMemory({
    xarray: { size: 16, members: { xa_head: [8, 'void *'] } },
    xa_node: {
      size: 8 + SLOTS * 8,
      members: { shift: [0, 'unsigned char'], slots: [8, `void *[${SLOTS}]`] },
    },
  });
}

function walk(memory: FakeMemory): { entries: (readonly [number, bigint])[]; problems: string[] } {
  const problems = new Problems();
  const root = new Ref(memory, memory.struct('xarray'), memory.at(0));
  const entries = [...xarrayEntries(root, { problems, subject: 'pid IDR' })];
  return {
    entries: entries.map(({ index, pointer }) => [index, pointer] as const),
    problems: problems.list.map(({ message }) => message),
  };
}

/** Marks an internal node: binary 10 in the low bits. */
function node(memory: FakeMemory, offset: number): bigint {
  return memory.at(offset) + 2n;
}

describe('xarrayEntries', () => {
  it('yields nothing for an empty tree', () => {
    assert.deepEqual(walk(xarray()), { entries: [], problems: [] });
  });

  it('yields the one entry of a tree without nodes', () => {
    const memory = xarray();
    memory.u64(8, 0xffff888000abcd00n);
    assert.deepEqual(walk(memory), { entries: [[0, 0xffff888000abcd00n]], problems: [] });
  });

  it('adds up the index over two levels', () => {
    const memory = xarray();
    memory.u64(8, node(memory, 0x1000));
    memory.u8(0x1000, 4); // shift 4: each slot covers 16 indices
    memory.u64(0x1000 + 8 + 3 * 8, node(memory, 0x2000)); // slot 3: 48 to 63
    memory.u8(0x2000, 0);
    memory.u64(0x2000 + 8 + 5 * 8, 0xffff888000001000n); // slot 5: index 53
    memory.u64(0x2000 + 8 + 15 * 8, 0xffff888000002000n);
    assert.deepEqual(walk(memory).entries, [
      [53, 0xffff888000001000n],
      [63, 0xffff888000002000n],
    ]);
  });

  it('passes over the small tagged values of the tree itself', () => {
    const memory = xarray();
    memory.u64(8, node(memory, 0x1000));
    memory.u64(0x1008, 256n + 2n); // XA_RETRY_ENTRY
    memory.u64(0x1010, 0xffff888000001000n);
    assert.deepEqual(walk(memory), { entries: [[1, 0xffff888000001000n]], problems: [] });
  });

  it('does not follow a node that contains itself', () => {
    const memory = xarray();
    memory.u64(8, node(memory, 0x1000));
    memory.u8(0x1000, 4);
    memory.u64(0x1008, node(memory, 0x1000));
    const { entries, problems } = walk(memory);
    assert.deepEqual(entries, []);
    assert.match(problems.join(), /comes a second time/);
  });

  it('goes on past a node that cannot be read', () => {
    const memory = xarray();
    memory.u64(8, node(memory, 0x1000));
    memory.u8(0x1000, 4);
    memory.u64(0x1008, 0xdead0000n + 2n);
    memory.u64(0x1010, node(memory, 0x2000));
    memory.u64(0x2008, 0xffff888000001000n);
    const { entries, problems } = walk(memory);
    assert.deepEqual(entries, [[16, 0xffff888000001000n]]);
    assert.match(problems.join(), /0xdead0000/);
  });
});
