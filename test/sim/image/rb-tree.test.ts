import assert from 'node:assert/strict';
import type { KernelMemory } from '../../../src/sim/image/kernel-memory.ts';
import { writeRbTree } from '../../../src/sim/image/rb-tree.ts';
import { vaddr, type Vaddr } from '../../../src/util/address.ts';

const BASE = 0xffff_8880_0000_1000n;
const BLACK = 1n;

/** The words of `nodes` that were written, as struct rb_node. */
class Words {
  readonly #words = new Map<bigint, bigint>();

  writeInteger(at: Vaddr, value: bigint): void {
    this.#words.set(at, value);
  }

  node(at: bigint): { parent: bigint; isBlack: boolean; left: bigint; right: bigint } {
    const [color, right, left] = [0n, 8n, 16n].map((offset) => this.#words.get(at + offset));
    assert.ok(color !== undefined && left !== undefined && right !== undefined, `${at}`);
    return { parent: color & ~3n, isBlack: (color & BLACK) !== 0n, left, right };
  }
}

function build(count: number): { words: Words; root: bigint; nodes: Vaddr[] } {
  const nodes = Array.from({ length: count }, (_, i) => vaddr(BASE + BigInt(i * 64)));
  const words = new Words();
  const root = writeRbTree(words as unknown as KernelMemory, nodes);
  return { words, root, nodes };
}

/** Walks a subtree in order. @returns how many black nodes each path has */
function walk(
  words: Words,
  at: bigint,
  { parent, isRed, seen }: { parent: bigint; isRed: boolean; seen: bigint[] },
): number {
  if (at === 0n) return 1;
  const node = words.node(at);
  assert.equal(node.parent, parent, 'parent');
  assert.ok(!(isRed && !node.isBlack), 'a red node has a red child');
  const below = { parent: at, isRed: !node.isBlack, seen };
  const left = walk(words, node.left, below);
  seen.push(at);
  const right = walk(words, node.right, below);
  assert.equal(left, right, 'black nodes of two paths');
  return left + (node.isBlack ? 1 : 0);
}

describe('writeRbTree', () => {
  it('keeps the order and every rule of a red-black tree, for any number of nodes', () => {
    for (let count = 0; count <= 130; count++) {
      const { words, root, nodes } = build(count);
      const seen: bigint[] = [];
      walk(words, root, { parent: 0n, isRed: false, seen });
      assert.deepEqual(seen, nodes, `${count} nodes`);
      if (count > 0) assert.ok(words.node(root).isBlack, `root of ${count} nodes`);
    }
  });

  it('has the least node at the left end', () => {
    const { words, root, nodes } = build(77);
    let at = root;
    while (words.node(at).left !== 0n) at = words.node(at).left;
    assert.equal(at, nodes[0]);
  });
});
