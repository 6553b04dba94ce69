// struct page, for the page frames of one section at a time: by whom a page is used shows in flags,
// reference count, map count and mapping (include/linux/mm_types.h, page-flags.h).

import { PAGE_SIZE } from '../../arch/x86-64.ts';
import { byteOffsetOf, findMember, type TypeSource } from '../../types/ctype.ts';
import { assert } from '../../util/assert.ts';
import type { PageFacts } from './memory-facts.ts';
import type { RamRange } from './physical-image.ts';
import type { UserPages } from './user-memory.ts';

/** MAX_ORDER, until 6.4 one more than the largest order of a free block. */
export const ORDER_COUNT = 11;
/**
 * ~PG_buddy: page_type of the first page of a free block; _mapcount lies in the same bytes. Without
 * page_type, which came with Linux 4.18, it is -128 (PAGE_BUDDY_MAPCOUNT_VALUE).
 */
const BUDDY_PAGE_TYPE = -129;
const BUDDY_MAPCOUNT = -128;
/** page_type and _mapcount of all other pages that no process maps. */
const UNMAPPED = -1;
/** PAGE_MAPPING_ANON, the lowest bit of `mapping`. */
const MAPPING_ANON = 1n;
/** COMPOUND_PAGE_DTOR of enum compound_dtor_id. */
const COMPOUND_PAGE_DTOR = 1;
const FLAGS_BITS = 64;

/** First page frames of the zones above the first one: MAX_DMA_PFN and MAX_DMA32_PFN. */
const ZONE_STARTS: readonly [name: string, pfn: number][] = [
  ['ZONE_DMA', 0],
  ['ZONE_DMA32', 2 ** 24 / PAGE_SIZE],
  ['ZONE_NORMAL', 2 ** 32 / PAGE_SIZE],
];

/** Members of struct page that are written, most of them in unions with each other. */
const MEMBERS = [
  'flags',
  'lru',
  'mapping',
  'index',
  'private',
  '_mapcount',
  '_refcount',
  'compound_head',
  'compound_dtor',
  'compound_order',
] as const;
type Member = (typeof MEMBERS)[number];
/** What members were called before: _refcount is so since Linux 4.7. */
const OLD_MEMBERS: Readonly<Partial<Record<Member, string>>> = { _refcount: '_count' };

const FLAGS = [
  'uptodate',
  'lru',
  'slab',
  'reserved',
  'head',
  'swapbacked',
  'active',
  'dirty',
  'writeback',
  'referenced',
  'reclaim',
  'locked',
  'swapcache',
] as const;
type Flag = (typeof FLAGS)[number];

/** LIST_POISON1 and LIST_POISON2 with the offset of x86-64: in `lru` of pages off every list. */
const POISON = { next: 0xdead000000000100n, prev: 0xdead000000000122n };

/** Where `lru` of a page points: to its neighbours' or to the head of the list. */
export interface PageLinks {
  readonly next: bigint;
  readonly prev: bigint;
}

/** Whose a page is: `mapping` without flags, and the place of the page there. */
export interface PageOwner {
  readonly mapping: bigint;
  readonly index: number;
}

/** What shows how a page is used. */
interface PageUse {
  readonly flags: readonly Flag[];
  readonly refcount: number;
  /** One less than there are mappings. */
  readonly mapcount?: number;
}

/** Mapped once, which is its only reference. */
const ANONYMOUS_PAGE: PageUse = {
  flags: ['uptodate', 'lru', 'swapbacked'],
  refcount: 1,
  mapcount: 0,
};
/** Referenced by the address_space alone. */
const CACHE_PAGE: PageUse = { flags: ['uptodate', 'lru'], refcount: 1 };

/** The struct pages of a range of physical memory. */
export class PageStructs {
  readonly bytes: Uint8Array;
  readonly #view: DataView;
  readonly #start: number;
  readonly #address: bigint;
  readonly #layout: PageLayout;

  /** @param address of the first one in memory */
  constructor(layout: PageLayout, range: RamRange, address: bigint) {
    this.bytes = new Uint8Array(((range.end - range.start) / PAGE_SIZE) * layout.size);
    this.#view = new DataView(this.bytes.buffer);
    this.#start = range.start / PAGE_SIZE;
    this.#address = address;
    this.#layout = layout;
  }

  /** Memory of the image and of the time before there was an allocator, and what is no RAM. */
  reserved(range: RamRange): void {
    this.#each(range, (at, pfn) => this.#page(at, pfn, { flags: ['reserved'], refcount: 1 }));
  }

  /** Pages that the kernel allocated for itself: stacks, page tables. */
  kernel(range: RamRange): void {
    this.#each(range, (at, pfn) => this.#page(at, pfn, { flags: [], refcount: 1 }));
  }

  /** One slab: a page, or a compound page of several. */
  slab(range: RamRange): void {
    const count = (range.end - range.start) / PAGE_SIZE;
    const head = range.start / PAGE_SIZE;
    const headAt = this.#address + BigInt((head - this.#start) * this.#layout.size);
    this.#each(range, (at, pfn) => {
      if (pfn === head) {
        const flags: Flag[] = count > 1 ? ['slab', 'head'] : ['slab'];
        this.#page(at, pfn, { flags, refcount: 1 });
        return;
      }
      this.#page(at, pfn, { flags: [], refcount: 0 });
      // Bit 0 says that the page is a tail; order and destructor are in the first tail.
      this.#set8(at, 'compound_head', headAt | 1n);
      if (pfn !== head + 1) return;
      this.bytes[at + this.#layout.offsets.compound_dtor] = COMPOUND_PAGE_DTOR;
      this.bytes[at + this.#layout.offsets.compound_order] = Math.log2(count);
    });
  }

  /** The part of a user's pages that lies in `range`. */
  user(range: RamRange, { kind, mapping, start }: UserPages): void {
    const isAnonymous = kind === 'anonymous';
    this.#each(range, (at, pfn) => {
      this.#page(at, pfn, isAnonymous ? ANONYMOUS_PAGE : CACHE_PAGE);
      this.#set8(at, 'mapping', isAnonymous ? mapping | MAPPING_ANON : mapping);
      this.#set8(at, 'index', BigInt(pfn - start / PAGE_SIZE));
    });
  }

  /** Pages that are in use by nobody; first pages of free blocks are written over them. */
  unused(range: RamRange): void {
    const { size, flagsOf } = this.#layout;
    let template = 0n;
    let from = -1;
    this.#each(range, (at, pfn) => {
      const flags = flagsOf(pfn, []);
      // Within a zone all are the same, and copying is quicker than writing.
      if (from >= 0 && flags === template) {
        this.bytes.copyWithin(at, from, from + size);
        return;
      }
      [template, from] = [flags, at];
      this.#page(at, pfn, { flags: [], refcount: 0 });
      this.#link(at, POISON);
    });
  }

  /** The first page of a free block on a list: of the zone (PageBuddy), or of a CPU. */
  freeBlock(pfn: number, block: { order: number; isBuddy: boolean; links: PageLinks }): void {
    const at = this.#at(pfn);
    this.#page(at, pfn, { flags: [], refcount: 0 });
    this.#link(at, block.links);
    if (!block.isBuddy) return;
    this.#set4(at, '_mapcount', this.#layout.buddyMapcount);
    this.#set8(at, 'private', BigInt(block.order));
  }

  /** A page of a user or of a file, or what the kernel has allocated as pages. */
  used(page: PageFacts, owner: PageOwner | undefined, links: PageLinks | undefined): void {
    const { pfn, order, kind, lru, flags, tgid, swapSlot } = page;
    const base: Flag[] = kind === 'kernel' ? [] : ['uptodate'];
    if (kind === 'anonymous') base.push('swapbacked');
    // Odd numbers of enum lru_list are the active lists.
    if (lru !== undefined) base.push('lru', ...(lru % 2 === 1 ? ['active' as const] : []));
    if (swapSlot !== undefined) base.push('swapcache');
    const isMapped = tgid !== undefined;
    // The page cache has a reference, the swap cache as well, and so has each mapping.
    const isCached = kind !== 'anonymous' || swapSlot !== undefined;
    const refcount = (isCached ? 1 : 0) + (isMapped ? 1 : 0);
    const at = this.#at(pfn);
    const head = { flags: [...base, ...flags], refcount, mapcount: isMapped ? 0 : UNMAPPED };
    for (let i = 1; i < 2 ** order; i++) {
      const next = at + i * this.#layout.size;
      this.#page(next, pfn + i, kind === 'kernel' ? { flags: [], refcount: 0 } : head);
      this.#link(next, POISON);
    }
    this.#page(at, pfn, head);
    this.#link(at, links ?? POISON);
    // swp_entry_t of the first device is the slot's number.
    if (swapSlot !== undefined) this.#set8(at, 'private', BigInt(swapSlot));
    if (owner === undefined) return;
    const isAnonymous = kind === 'anonymous';
    this.#set8(at, 'mapping', isAnonymous ? owner.mapping | MAPPING_ANON : owner.mapping);
    this.#set8(at, 'index', BigInt(owner.index));
  }

  /** Free blocks, as large and as aligned as the buddy allocator makes them. */
  free(range: RamRange): void {
    this.#each(range, (at, pfn) => this.#page(at, pfn, { flags: [], refcount: 0 }));
    const end = range.end / PAGE_SIZE;
    for (let pfn = range.start / PAGE_SIZE; pfn < end;) {
      let order = 0;
      while (order + 1 < ORDER_COUNT && pfn % 2 ** (order + 1) === 0) order++;
      while (pfn + 2 ** order > end) order--;
      const at = (pfn - this.#start) * this.#layout.size;
      this.#set4(at, '_mapcount', this.#layout.buddyMapcount);
      this.#set8(at, 'private', BigInt(order));
      pfn += 2 ** order;
    }
  }

  #each({ start, end }: RamRange, visit: (at: number, pfn: number) => void): void {
    for (let pfn = start / PAGE_SIZE; pfn < end / PAGE_SIZE; pfn++) {
      visit((pfn - this.#start) * this.#layout.size, pfn);
    }
  }

  #page(at: number, pfn: number, page: PageUse): void {
    const { flagsOf, size } = this.#layout;
    this.bytes.fill(0, at, at + size);
    this.#set8(at, 'flags', flagsOf(pfn, page.flags));
    this.#set4(at, '_refcount', page.refcount);
    this.#set4(at, '_mapcount', page.mapcount ?? UNMAPPED);
    const lru = this.#address + BigInt(at + this.#layout.offsets.lru);
    // In no list: both links point at themselves (INIT_LIST_HEAD).
    this.#link(at, { next: lru, prev: lru });
  }

  #link(at: number, { next, prev }: PageLinks): void {
    this.#set8(at, 'lru', next);
    this.#view.setBigUint64(at + this.#layout.offsets.lru + 8, prev, true);
  }

  #at(pfn: number): number {
    return (pfn - this.#start) * this.#layout.size;
  }

  #set4(at: number, member: Member, value: number): void {
    this.#view.setInt32(at + this.#layout.offsets[member], value, true);
  }

  #set8(at: number, member: Member, value: bigint): void {
    this.#view.setBigUint64(at + this.#layout.offsets[member], value, true);
  }
}

/** struct page of a kernel, and the bits of its flags. */
export interface PageLayout {
  /** In bytes. */
  readonly size: number;
  readonly offsets: Readonly<Record<Member, number>>;
  /** _mapcount of the first page of a free block. */
  readonly buddyMapcount: number;
  /** `flags` of a page: zone in the high bits, PG_* in the low ones. */
  readonly flagsOf: (pfn: number, flags: readonly Flag[]) => bigint;
}

/** @throws AssertionError if the types have no such struct page */
export function pageLayout(types: TypeSource): PageLayout {
  const type = types.find('struct', 'page');
  assert(type?.kind === 'struct', `${types.origin} has no struct page`);
  const offsets = {} as Record<Member, number>;
  for (const member of MEMBERS) {
    const place = findMember(type, member) ?? findMember(type, OLD_MEMBERS[member] ?? member);
    assert(place !== undefined, `struct page has no member ${member}`);
    offsets[member] = byteOffsetOf(place);
  }
  const bits = new Map(FLAGS.map((flag) => [flag, 1n << pageEnumerator(types, `PG_${flag}`)]));
  const zone = zoneOf(types);
  const flagsOf = (pfn: number, flags: readonly Flag[]): bigint =>
    flags.reduce((sum, flag) => sum | (bits.get(flag) ?? 0n), zone(pfn));
  const hasType = findMember(type, 'page_type') !== undefined;
  const buddyMapcount = hasType ? BUDDY_PAGE_TYPE : BUDDY_MAPCOUNT;
  return { size: type.size, offsets, buddyMapcount, flagsOf };
}

/** The zone's bits, below those of the node (include/linux/page-flags-layout.h). */
function zoneOf(types: TypeSource): (pfn: number) => bigint {
  const width = Math.ceil(Math.log2(Number(pageEnumerator(types, '__MAX_NR_ZONES'))));
  const shift = BigInt(FLAGS_BITS - Math.log2(nodeCountMax(types)) - width);
  const zones = ZONE_STARTS.flatMap(([name, pfn]) => {
    const value = types.findEnumerator(name);
    return value === undefined ? [] : [{ pfn, bits: value << shift }];
  });
  // Without ZONE_DMA its pages are the next zone's.
  return (pfn) => (zones.findLast((zone) => pfn >= zone.pfn) ?? zones[0])?.bits ?? 0n;
}

/** MAX_NUMNODES: the list of a node's zones has room for each zone of each node, and an end. */
export function nodeCountMax(types: TypeSource): number {
  const zonelist = types.find('struct', 'zonelist');
  const refs = zonelist?.kind === 'struct' ? findMember(zonelist, '_zonerefs')?.type : undefined;
  assert(refs?.kind === 'array', `${types.origin} has no struct zonelist`);
  return (refs.count - 1) / Number(pageEnumerator(types, '__MAX_NR_ZONES'));
}

/** @throws AssertionError if no enum of the types has it */
export function pageEnumerator(types: TypeSource, name: string): bigint {
  const value = types.findEnumerator(name);
  assert(value !== undefined, `${types.origin} has no enumerator ${name}`);
  return value;
}
