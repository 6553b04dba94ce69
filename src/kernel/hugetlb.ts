// Pools of huge pages (mm/hugetlb.c): memory that hugetlbfs alone can use, whether it does or not.

import type { Ref } from '../target/ref.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { sizeOf } from '../types/ctype.ts';
import { InvalidError } from '../util/errors.ts';

/** The huge pages of one size on one node; all but the size are numbers of huge pages. */
export interface HugePages {
  readonly node: number;
  /** log2 of the pages of one. */
  readonly order: number;
  readonly total: number;
  readonly free: number;
  /** Beyond the size that was asked for: they go when they are freed. */
  readonly surplus: number;
}

/** Huge pages of 16 GiB are of order 22. */
const ORDER_MAX = 30;
/** HUGE_MAX_HSTATE is 2 on x86-64; powerpc has 15. */
const SIZES_MAX = 16;

/**
 * By node, then in the order of hstates[], as SysRq-m prints them; undefined where the kernel was
 * built without CONFIG_HUGETLB_PAGE.
 */
export function readHugePages(vmcore: Vmcore, nodes: readonly number[]): HugePages[] | undefined {
  const { problems, symbols, types } = vmcore;
  if (symbols.lookup('hstates') === undefined) return undefined;
  const type = types.find('struct', 'hstate');
  // Without the config it is a struct of no members.
  if (type !== undefined && sizeOf(type) === 0) return undefined;
  return problems.attempt('hstates', () => {
    const count = Math.min(vmcore.global('hugetlb_max_hstate').number(), SIZES_MAX);
    const table = vmcore.global('hstates');
    const sizes = Array.from({ length: Math.max(count, 0) }, (_, index) => table.at(index));
    return nodes.flatMap((node) => sizes.map((hstate) => hugePages(hstate, node)));
  });
}

function hugePages(hstate: Ref, node: number): HugePages {
  const order = hstate.member('order').number();
  if (order > ORDER_MAX) {
    throw new InvalidError(`order of huge pages: expected at most ${ORDER_MAX}, have ${order}`);
  }
  const ofNode = (array: string): number => hstate.member(array).at(node).number();
  return {
    node,
    order,
    total: ofNode('nr_huge_pages_node'),
    free: ofNode('free_huge_pages_node'),
    surplus: ofNode('surplus_huge_pages_node'),
  };
}
