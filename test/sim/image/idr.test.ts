import assert from 'node:assert/strict';
import { writeIdr } from '../../../src/sim/image/idr.ts';
import { KernelMemory } from '../../../src/sim/image/kernel-memory.ts';
import { PageTables } from '../../../src/sim/image/page-tables.ts';
import { PhysicalImage } from '../../../src/sim/image/physical-image.ts';
import { threeStallsTypes } from '../../support/three-stalls.ts';
import { vaddr, type Vaddr } from '../../../src/util/address.ts';

const BASE = vaddr(0xffff888000000000n);
const TAG = 2n;

interface Walked {
  readonly entries: Map<number, bigint>;
  /** `shift first count free` of each node, depth first. */
  readonly nodes: string[];
}

/** Writes an IDR with an entry for each id and walks it by hand: offsets of a 6.1 xa_node. */
function walkIdr(ids: readonly number[]): Walked {
  const physical = new PhysicalImage({ ram: [{ start: 0, end: 1 << 24 }] });
  const tables = new PageTables(physical, { root: 0, allocateTable: () => 0 });
  const types = threeStallsTypes();
  const memory = new KernelMemory({ physical, tables, types, pageOffsetBase: BASE });
  let next = 0x1000;
  const address = memory.directMap(0x100);
  const entries = new Map(ids.map((id) => [id, 0xffff888000800000n + BigInt(id) * 64n]));
  const allocateNode = (): Vaddr => memory.directMap((next += 0x400));
  writeIdr(memory, { address, entries, allocateNode });
  const u64 = (at: bigint): bigint => {
    return new DataView(memory.read(vaddr(at), 8).buffer).getBigUint64(0, true);
  };
  const walked: Walked = { entries: new Map(), nodes: [] };
  const walk = (node: bigint, first: number): void => {
    const [shift = 0, , count = 0] = memory.read(vaddr(node), 4);
    walked.nodes.push(`${shift} ${first} ${count} ${u64(node + 552n).toString(16)}`);
    for (let slot = 0; slot < 64; slot++) {
      const entry = u64(node + 40n + BigInt(slot * 8));
      const id = first + slot * 2 ** shift;
      if (entry === 0n) continue;
      if ((entry & 3n) === TAG) {
        // parent and offset of the child.
        assert.equal(u64(entry - TAG + 8n), node);
        assert.equal(memory.read(vaddr(entry - TAG), 2)[1], slot);
        walk(entry - TAG, id);
      } else walked.entries.set(id, entry);
    }
  };
  assert.equal(u64(address) >> 32n, 0x8000004n);
  walk(u64(address + 8n) - TAG, 0);
  assert.deepEqual(walked.entries, entries);
  return walked;
}

const range = (count: number): number[] => Array.from({ length: count }, (_, i) => i);

describe('writeIdr', () => {
  const cases: [what: string, ids: number[], nodes: string[]][] = [
    ['one node', [1, 2, 63], ['0 0 3 7ffffffffffffff9']],
    ['a full node', range(64), ['0 0 64 0']],
    [
      'two levels',
      [1, 64],
      ['6 0 2 ffffffffffffffff', `0 0 1 ${'f'.repeat(15)}d`, `0 64 1 ${'f'.repeat(15)}e`],
    ],
    [
      'a full child',
      [...range(64), 70],
      ['6 0 2 fffffffffffffffe', '0 0 64 0', `0 64 1 ${'f'.repeat(14)}bf`],
    ],
    [
      'three levels with nothing in between',
      [4096],
      ['12 0 1 ffffffffffffffff', '6 4096 1 ffffffffffffffff', `0 4096 1 ${'f'.repeat(15)}e`],
    ],
  ];
  for (const [what, ids, nodes] of cases) {
    it(`builds ${what}`, () => {
      assert.deepEqual(walkIdr(ids).nodes, nodes);
    });
  }
});
