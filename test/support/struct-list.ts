// Walks a list_head in a vmcore by its links alone, for tests of what the simulation wrote.

import assert from 'node:assert/strict';
import type { Vmcore } from '../../src/target/vmcore.ts';
import { vaddr, type Vaddr } from '../../src/util/address.ts';

/** The nodes of a circular list in order; each back pointer must be right. */
export function listNodes(vmcore: Vmcore, head: Vaddr, countMax = 1 << 20): Vaddr[] {
  const nodes: Vaddr[] = [];
  let previous = head;
  for (let count = 0; count <= countMax; count++) {
    const at = vmcore.object('list_head', previous).member('next').pointer();
    assert.equal(vmcore.object('list_head', at).member('prev').pointer(), previous);
    if (at === head) return nodes;
    nodes.push(vaddr(at));
    previous = at;
  }
  throw new RangeError(`a list of more than ${countMax} nodes`);
}
