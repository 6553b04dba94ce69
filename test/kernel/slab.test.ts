import assert from 'node:assert/strict';
import { readSlabCaches, type SlabCache, type SlabSource } from '../../src/kernel/slab.ts';
import { Ref } from '../../src/target/ref.ts';
import { Problems } from '../../src/util/problems.ts';
import { FakeMemory, type FakeStruct } from '../support/fake-memory.ts';

const HEAD = 0x100;
const CACHE = 0x1000;
const NODE = 0x2000;
const SLAB = 0x3000;
const NAME = 0x4000;
/** SLAB_RECLAIM_ACCOUNT */
const RECLAIM_ACCOUNT = 0x20000;

const LIST: FakeStruct = {
  size: 16,
  members: { next: [0, 'struct list_head *'], prev: [8, 'struct list_head *'] },
};

const CACHE_MEMBERS = {
  flags: [0, 'unsigned int'],
  size: [4, 'unsigned int'],
  name: [16, 'char *'],
  list: [24, 'struct list_head'],
  node: [40, 'struct kmem_cache_node *[2]'],
} as const;

/** SLUB with CONFIG_SLUB_DEBUG. */
const SLUB: Readonly<Record<string, FakeStruct>> = {
  list_head: LIST,
  kmem_cache_order_objects: { size: 4, members: { x: [0, 'unsigned int'] } },
  kmem_cache: {
    size: 64,
    members: {
      ...CACHE_MEMBERS,
      oo: [8, 'struct kmem_cache_order_objects'],
      min: [12, 'struct kmem_cache_order_objects'],
    },
  },
  kmem_cache_node: {
    size: 48,
    members: {
      nr_partial: [0, 'unsigned long'],
      partial: [8, 'struct list_head'],
      nr_slabs: [24, 'unsigned long'],
      total_objects: [32, 'unsigned long'],
    },
  },
  slab: {
    size: 32,
    members: {
      slab_list: [0, 'struct list_head'],
      inuse: [16, 'unsigned int'],
      objects: [20, 'unsigned int'],
    },
  },
};

/** CONFIG_SLAB, which went with Linux 6.8. */
const OLD_SLAB: Readonly<Record<string, FakeStruct>> = {
  list_head: LIST,
  kmem_cache: {
    size: 64,
    members: { ...CACHE_MEMBERS, num: [8, 'unsigned int'], gfporder: [12, 'unsigned int'] },
  },
  kmem_cache_node: {
    size: 16,
    members: { total_slabs: [0, 'unsigned long'], free_objects: [8, 'unsigned long'] },
  },
};

/** A memory with one cache, `dentry`, on the list of caches. */
function oneCache(structs: Readonly<Record<string, FakeStruct>>): FakeMemory {
  const memory = new FakeMemory(structs);
  link(memory, HEAD, CACHE + 24);
  memory.u32(CACHE, RECLAIM_ACCOUNT);
  memory.u32(CACHE + 4, 192);
  memory.u64(CACHE + 16, memory.at(NAME));
  [...Buffer.from('dentry\0')].forEach((byte, i) => memory.u8(NAME + i, byte));
  memory.u64(CACHE + 40, memory.at(NODE));
  return memory;
}

/** A list of a head and one node. */
function link(memory: FakeMemory, head: number, node: number): void {
  for (const [from, to] of [
    [head, node],
    [node, head],
  ] as const) {
    memory.u64(from, memory.at(to));
    memory.u64(from + 8, memory.at(to));
  }
}

/** A cache of SLUB of `slabs` slabs, on a node without a partial one. */
function slub(counts: { slabs: number; objects: number; oo: number; min: number }): FakeMemory {
  const memory = oneCache(SLUB);
  memory.u32(CACHE + 8, counts.oo);
  memory.u32(CACHE + 12, counts.min);
  memory.u64(NODE + 8, memory.at(NODE + 8));
  memory.u64(NODE + 24, BigInt(counts.slabs));
  memory.u64(NODE + 32, BigInt(counts.objects));
  return memory;
}

function caches(memory: FakeMemory, problems = new Problems()): SlabCache[] | undefined {
  const source: SlabSource = {
    problems,
    types: memory.types,
    symbols: { lookup: (name) => (name === 'slab_caches' ? memory.at(HEAD) : undefined) },
    global: () => new Ref(memory, memory.struct('list_head'), memory.at(HEAD)),
    readText: (address, length) => {
      const bytes = new Uint8Array(length);
      memory.readInto(bytes, address);
      return bytes.subarray(0, bytes.indexOf(0));
    },
  };
  return readSlabCaches(source, [0, 1]);
}

/** struct kmem_cache_order_objects */
const oo = (order: number, objects: number): number => (order << 16) | objects;

describe('readSlabCaches', () => {
  it('counts the pages of slabs of which some are small since memory was short', () => {
    // Three slabs of eight pages with 170 objects, two of one page with 21.
    const memory = slub({ slabs: 5, objects: 552, oo: oo(3, 170), min: oo(0, 21) });
    const [cache] = caches(memory) ?? [];
    assert.deepEqual(cache, {
      address: '0xffff888000001000',
      name: 'dentry',
      objectSize: 192,
      slabs: 5,
      objects: 552,
      activeObjects: 552,
      pages: 3 * 8 + 2,
      isReclaimable: true,
    });
  });

  it('says that pages are the most there can be where the counts contradict themselves', () => {
    const memory = slub({ slabs: 5, objects: 551, oo: oo(3, 170), min: oo(0, 21) });
    const [cache] = caches(memory) ?? [];
    assert.equal(cache?.pages, 40);
    assert.equal(cache.isPagesBound, true);
  });

  it('takes what is free on partial slabs off what is in use', () => {
    const memory = slub({ slabs: 2, objects: 42, oo: oo(0, 21), min: oo(0, 21) });
    memory.u64(NODE, 1n);
    link(memory, NODE + 8, SLAB);
    memory.u32(SLAB + 16, 4);
    memory.u32(SLAB + 20, 21);
    assert.equal(caches(memory)?.[0]?.activeObjects, 42 - 17);
  });

  it('does not say how many are in use where a list of partial slabs is torn', () => {
    const memory = slub({ slabs: 2, objects: 42, oo: oo(0, 21), min: oo(0, 21) });
    memory.u64(NODE, 1n);
    memory.u64(NODE + 8, 0n);
    const problems = new Problems();
    const [cache] = caches(memory, problems) ?? [];
    assert.equal(cache?.objects, 42);
    assert.equal('activeObjects' in cache, false);
    assert.equal(problems.count, 1);
  });

  it('does not believe an order that no page allocator has', () => {
    const memory = slub({ slabs: 2, objects: 42, oo: oo(0x7000, 21), min: oo(0, 21) });
    const problems = new Problems();
    const [cache] = caches(memory, problems) ?? [];
    assert.equal(cache?.name, 'dentry');
    assert.equal('pages' in cache, false);
    assert.match(problems.list[0]?.message ?? '', /order of slabs: expected at most 20/);
  });

  it('counts those of SLAB, too', () => {
    const memory = oneCache(OLD_SLAB);
    memory.u32(CACHE, 0);
    memory.u32(CACHE + 8, 21);
    memory.u32(CACHE + 12, 1);
    memory.u64(NODE, 10n);
    memory.u64(NODE + 8, 5n);
    const [cache] = caches(memory) ?? [];
    assert.equal(cache?.pages, 20);
    assert.equal(cache.objects, 210);
    assert.equal(cache.activeObjects, 205);
    assert.equal(cache.isReclaimable, false);
  });

  it('has no numbers where the kernel does not count', () => {
    const { nr_partial: partial } = SLUB.kmem_cache_node!.members;
    const memory = oneCache({
      ...SLUB,
      kmem_cache_node: { size: 48, members: { nr_partial: partial! } },
    });
    const [cache] = caches(memory) ?? [];
    assert.deepEqual(Object.keys(cache ?? {}), ['address', 'name', 'objectSize', 'isReclaimable']);
  });
});
