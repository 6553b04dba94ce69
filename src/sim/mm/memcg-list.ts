// The LRU lists of a memory cgroup. The kernel has one set of lists per node and cgroup
// (mem_cgroup_lruvec()), and reclaim of the whole node goes from one to the next. Here the lists of
// the node hold every page, as they once did in the kernel, too, and a cgroup's lists hold its own
// pages a second time: whoever reclaims from the node need not know that there are cgroups.

import { assert } from '../../util/assert.ts';
import { PageList, type Node, type Page } from './mmzone.ts';

interface Links {
  previous: Page | undefined;
  next: Page | undefined;
}

/** One list of a cgroup: whoever adds to it or removes from it does so at the node's list. */
export class MemcgList extends PageList {
  readonly #node: PageList;
  readonly #links = new Map<Page, Links>();
  #first: Page | undefined;
  #last: Page | undefined;

  constructor(node: PageList) {
    super(node);
    this.#node = node;
  }

  override get tail(): Page | undefined {
    return this.#last;
  }

  override add(page: Page): void {
    this.#node.add(page);
  }

  override addTail(page: Page): void {
    this.#node.addTail(page);
  }

  override remove(page: Page): void {
    this.#node.remove(page);
  }

  /** The node's list has got a page of this cgroup. */
  link(page: Page, end: 'head' | 'tail'): void {
    const isHead = end === 'head';
    const links = {
      previous: isHead ? undefined : this.#last,
      next: isHead ? this.#first : undefined,
    };
    this.#links.set(page, links);
    this.#join(links.previous, page);
    this.#join(page, links.next);
    this.length++;
  }

  /** The node's list has lost it. */
  unlink(page: Page): void {
    const links = this.#links.get(page);
    assert(links !== undefined, `pfn ${page.pfn} is not on this list of its cgroup`);
    this.#links.delete(page);
    this.#join(links.previous, links.next);
    this.length--;
  }

  /** Makes two pages neighbours; where there is none, the other is at that end. */
  #join(previous: Page | undefined, next: Page | undefined): void {
    if (previous === undefined) this.#first = next;
    else this.#links.get(previous)!.next = next;
    if (next === undefined) this.#last = previous;
    else this.#links.get(next)!.previous = previous;
  }
}

/** All lists of a cgroup, by the names of the node's. */
export type MemcgLists = { readonly [name in keyof Node['lru']]: MemcgList };

/** Lists for a new cgroup. */
export function memcgLists({ lru }: Node): MemcgLists {
  const entries = Object.entries(lru).map(([name, list]) => [name, new MemcgList(list)]);
  return Object.fromEntries(entries) as MemcgLists;
}
