// Waits for a bit to be cleared: for the lock or the writeback of a page, for an inode that is
// being read. Nothing says whose the bit is. Who waits is on a queue that it shares with waits for
// other bits, of the same hash.
//
//   wait_page_queue        { folio | page, bit_nr, wait }   pages, since 4.10
//   wait_bit_queue_entry   { key { flags, bit_nr }, wq_entry }
//   wait_bit_queue         { key { flags, bit_nr }, wait }    before 4.13, also of pages
//
// What is found is believed where the entry is the task's, its neighbours on the queue point back,
// and the bit is set.

import type { StructType } from '../../types/ctype.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../util/address.ts';
import { offsetOf, structOf, type LockMemory } from './lock-memory.ts';
import type { LockKind } from './lock.ts';
import type { KnownTask } from './task-index.ts';
import { waitersFrom, waitRing } from './wait-list.ts';

/** A bit and the entry of who waits for it. */
export interface BitWait {
  readonly kind: LockKind & ('page' | 'bit');
  /** `struct page *`, or the word that the bit is in. */
  readonly address: Vaddr;
  readonly bit: number;
  /** `struct wait_page_queue *` and so on. */
  readonly waiter: Vaddr;
  readonly type: string;
  /** The entry's place on its queue. */
  readonly place: number;
}

interface EntryLayout {
  readonly struct: string;
  readonly kind: BitWait['kind'];
  readonly size: number;
  /** Offsets of the pointer, the bit's number, the task and the list node. */
  readonly word: number;
  readonly bit: number;
  readonly task: number;
  readonly node: number;
}

const WORD_BITS = 64;
/** More than any machine has tasks that wait on one queue. */
const QUEUE_MAX = 1 << 16;

const ENTRIES: readonly [
  struct: string,
  kind: BitWait['kind'],
  word: readonly string[],
  bit: string,
  entry: string,
][] = [
  ['wait_page_queue', 'page', ['folio', 'page'], 'bit_nr', 'wait'],
  ['wait_bit_queue_entry', 'bit', ['key.flags'], 'key.bit_nr', 'wq_entry'],
  ['wait_bit_queue', 'bit', ['key.flags'], 'key.bit_nr', 'wait'],
];

/** Finds waits for bits. */
export class BitWaitFinder {
  readonly #at: LockMemory;
  readonly #layouts: readonly EntryLayout[];
  /** By node, so that a queue with many waiters is followed once. */
  readonly #places = new Map<bigint, number>();
  /** Of flags in struct page. */
  readonly #flags: number;

  constructor(at: LockMemory) {
    this.#at = at;
    this.#layouts = ENTRIES.flatMap(([struct, kind, word, bit, entry]) => {
      const type = structOf(at, struct);
      return type === undefined ? [] : entryLayout(type, { struct, kind, word, bit, entry });
    });
    const page = structOf(at, 'page');
    this.#flags = page === undefined ? 0 : (offsetOf(page, ['flags']) ?? 0);
  }

  /**
   * The bit that a task waits for, or why none could be proved.
   *
   * @param start where the words lie
   * @param ofPage the task is in a function of pages
   */
  find(
    task: KnownTask,
    { start, words, ofPage }: { start: Vaddr; words: BigUint64Array; ofPage: boolean },
  ): BitWait | string {
    const own = BigInt(task.address);
    let why = 'no wait entry of it is on a queue';
    for (const [index, word] of words.entries()) {
      if (word !== own) continue;
      for (const layout of this.#layouts) {
        const found = this.#waitAt(vaddrAdd(start, index * 8 - layout.task), layout);
        if (found === undefined) continue;
        if (typeof found !== 'string') return ofPage ? this.#asPage(found) : found;
        why = found;
      }
    }
    return why;
  }

  #waitAt(waiter: Vaddr, layout: EntryLayout): BitWait | string | undefined {
    const { words } = this.#at;
    const target = words.at(vaddrAdd(waiter, layout.word));
    const number = words.at(vaddrAdd(waiter, layout.bit & -8));
    if (target === undefined || number === undefined) return undefined;
    const bit = Number(BigInt.asUintN(32, number >> BigInt((layout.bit & 7) * 8)));
    if (bit >= WORD_BITS) return undefined;
    const address = vaddr(target);
    const flags = words.at(layout.kind === 'page' ? vaddrAdd(address, this.#flags) : address);
    if (flags === undefined) return undefined;
    const node = vaddrAdd(waiter, layout.node);
    const place = this.#placeOf(node);
    if (place === undefined) return undefined;
    if (((flags >> BigInt(bit)) & 1n) === 0n) return `bit ${bit}, which it waits for, is clear`;
    return { kind: layout.kind, address, bit, waiter, type: layout.struct, place };
  }

  /** A node's place on its queue; undefined where it is on none. */
  #placeOf(node: Vaddr): number | undefined {
    const known = this.#places.get(node);
    if (known !== undefined) return known;
    const { words, tasks } = this.#at;
    const isWaiter = (each: Vaddr): boolean => tasks.onStack(each) !== undefined;
    const ring = waitRing(node, { words, isWaiter, nodesMax: QUEUE_MAX });
    if (ring === undefined) return undefined;
    const [head = node] = ring.others;
    const nodes = waitersFrom(ring, head);
    for (const [index, each] of nodes.entries()) this.#places.set(each, index);
    return this.#places.get(node) ?? 0;
  }

  /** Before 4.10 a wait for a page was one for a bit of its flags. */
  #asPage(found: BitWait): BitWait {
    if (found.kind === 'page') return found;
    return { ...found, kind: 'page', address: vaddrAdd(found.address, -this.#flags) };
  }
}

function entryLayout(
  type: StructType,
  {
    struct,
    kind,
    word,
    bit,
    entry,
  }: {
    struct: string;
    kind: BitWait['kind'];
    word: readonly string[];
    bit: string;
    entry: string;
  },
): EntryLayout[] {
  const offsets = {
    word: offsetOf(type, word),
    bit: offsetOf(type, [bit]),
    task: offsetOf(type, [`${entry}.private`]),
    node: offsetOf(type, [`${entry}.entry`, `${entry}.task_list`]),
  };
  const { word: at, bit: number, task, node } = offsets;
  if (at === undefined || number === undefined || task === undefined || node === undefined)
    return [];
  return [{ struct, kind, size: type.size, word: at, bit: number, task, node }];
}

/** `PG_locked`, by the kernel's own enum pageflags; of names for one number the first. */
export function pageBitName(at: LockMemory, bit: number): string | undefined {
  const flags = at.memory.types.find('enum', 'pageflags');
  if (flags?.kind !== 'enum') return undefined;
  return [...flags.values].find(([, value]) => value === BigInt(bit))?.[0];
}
