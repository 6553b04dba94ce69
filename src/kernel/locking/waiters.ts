// Who waits for which lock: the waiter structure on the stack of a task, found by the task's own
// address in it, and proved by its links: both neighbours point back, and the list leads to a lock.

import { vaddr, vaddrAdd, type Vaddr } from '../../util/address.ts';
import { optional } from '../../util/optional.ts';
import type { TaskStack } from '../stack.ts';
import type { Blocker } from './blocker.ts';
import type { LockKind, Wait } from './lock.ts';
import { lockRef, offsetOf, structOf, type LockMemory, type LockReader } from './lock-memory.ts';
import type { KnownTask } from './task-index.ts';
import { writtenBy } from './percpu-rwsem.ts';
import type { WaitSite } from './wait-functions.ts';
import { waitersFrom, waitRing, type WaitRing } from './wait-list.ts';

/** A lock and those on its list. */
export interface ListedLock {
  readonly reader: LockReader;
  readonly address: Vaddr;
  /** In the order of the list. */
  readonly waiters: readonly ListedWaiter[];
  /** Why the list is not whole. */
  readonly notes: readonly string[];
}

/** A waiter on a lock's list. */
export interface ListedWaiter {
  readonly task: KnownTask;
  /** `struct mutex_waiter *` and so on. */
  readonly address?: Vaddr;
  readonly wants?: Wait['wants'];
}

/** The offsets that a {@link LockReader} asks for, in this kernel. */
interface Layout {
  readonly reader: LockReader;
  readonly task: number;
  readonly list: number;
  /** Of the lock's own list head, or of its pointer to the first waiter. */
  readonly head?: number;
  readonly first?: number;
}

/** How much of a stack is looked at where a frame's end is not known, in bytes. */
const RANGE_DEFAULT = 1024;
/** A frame of a damaged stack may seem to have gigabytes. */
const RANGE_MAX = 16 << 10;

/** Finds waiters of locks that have a list of them. */
export class WaiterFinder {
  readonly #at: LockMemory;
  readonly #layouts = new Map<LockKind, Layout>();
  /** By node, so that the list of a lock with many waiters is followed once. */
  readonly #found = new Map<bigint, ListedLock | string>();

  constructor(at: LockMemory, readers: readonly LockReader[]) {
    this.#at = at;
    for (const reader of readers) {
      const layout = layoutOf(at, reader);
      if (layout !== undefined) this.#layouts.set(reader.kind, layout);
    }
  }

  /** The lock that a task waits for, or why it could not be proved. */
  find(task: KnownTask, stack: TaskStack, site: WaitSite): ListedLock | string {
    const layout = this.#layouts.get(site.kind);
    if (layout === undefined) return `this kernel's types lack what a ${site.kind} has`;
    const range = stackRange(stack, site);
    const words = this.#at.words.range(range.start, range.byteCount);
    if (words.length === 0) return 'its stack cannot be read';
    const own = BigInt(task.address);
    const written =
      site.kind === 'percpu_rw_semaphore' ? writtenBy(this.#at, task, words) : undefined;
    if (written !== undefined)
      return this.#fromHead(task, layout, { address: written, wants: 'write' });
    let why = `no ${layout.reader.waiter.struct} of it is on a list`;
    for (const [index, word] of words.entries()) {
      if (word !== own) continue;
      const node = vaddrAdd(range.start, index * 8 - layout.task + layout.list);
      const found = this.#lockOf(node, layout, words);
      if (typeof found !== 'string') return found;
      if (found !== '') why = found;
    }
    return why;
  }

  /** The lock that a task says it waits for, or why that cannot be. */
  findByBlocker(task: KnownTask, blocker: Blocker): ListedLock | string {
    const layout = this.#layouts.get(blocker.kind);
    if (layout === undefined) return `this kernel's types lack what a ${blocker.kind} has`;
    if (blocker.lock !== undefined) {
      if (!this.#plausible(layout.reader, blocker.lock)) return 'what it names is no lock';
      return this.#fromHead(task, layout, { address: blocker.lock, wants: blocker.wants });
    }
    const node = blocker.waiter === undefined ? undefined : vaddrAdd(blocker.waiter, layout.list);
    const found = node === undefined ? '' : this.#lockOf(node, layout, new BigUint64Array());
    return found === '' ? 'the waiter that it names is on no list' : found;
  }

  /** A lock that a task waits for by something else than its list, with that. */
  #fromHead(
    task: KnownTask,
    layout: Layout,
    { address, wants }: { address: Vaddr; wants: Wait['wants'] },
  ): ListedLock {
    const { reader, head, first, list } = layout;
    const next = this.#at.words.at(vaddrAdd(address, head ?? first ?? 0));
    const node =
      next === undefined ? undefined : vaddrAdd(vaddr(next), head === undefined ? list : 0);
    const found = node === undefined ? '' : this.#lockOf(node, layout, BigUint64Array.of(address));
    const listed = typeof found === 'string' || found.address !== address ? [] : found.waiters;
    if (listed.some((each) => each.task === task) && typeof found !== 'string') return found;
    const notes = typeof found === 'string' ? [] : found.notes;
    const waiter = { task, ...optional('wants', wants) };
    return { reader, address, waiters: [waiter, ...listed], notes };
  }

  /** '' where the node is on no list. */
  #lockOf(node: Vaddr, layout: Layout, words: BigUint64Array): ListedLock | string {
    const known = this.#found.get(node);
    if (known !== undefined) return known;
    const ring = waitRing(node, {
      words: this.#at.words,
      isWaiter: (each) => this.#waiterAt(each, layout) !== undefined,
      nodesMax: this.#at.tasks.size + 1,
    });
    if (ring === undefined) return '';
    const found = this.#listed(ring, layout, words);
    if (this.#waiterAt(node, layout) === undefined) return found;
    for (const each of ring.nodes) this.#found.set(each, found);
    return found;
  }

  /** A waiter lies on the stack of the task that it names. */
  #waiterAt(node: Vaddr, { task, list }: Layout): KnownTask | undefined {
    const named = this.#at.words.at(vaddrAdd(node, task - list));
    const found = named === undefined ? undefined : this.#at.tasks.at(named);
    return found !== undefined && this.#at.tasks.onStack(node) === found ? found : undefined;
  }

  #listed(ring: WaitRing, layout: Layout, words: BigUint64Array): ListedLock | string {
    const { reader, head, first } = layout;
    const plausible = (address: Vaddr): boolean => this.#plausible(reader, address);
    if (head !== undefined) {
      const only = this.#headOf(ring.others, (node) => plausible(vaddrAdd(node, -head)));
      if (only !== undefined)
        return this.#lock(ring, layout, { address: vaddrAdd(only, -head), from: only });
      if (ring.others.length > 0) return `its list leads to more than one ${reader.kind}`;
      return ring.torn === undefined
        ? 'its list goes round without a lock'
        : 'its list is torn before it leads to a lock';
    }
    if (first === undefined || ring.torn !== undefined) return 'its list does not lead to a lock';
    // The lock points to the first waiter, and none of them points to the lock: whoever waits has
    // its address in a register that was saved on the stack.
    const nodes = new Set<bigint>(ring.nodes);
    for (const word of words) {
      const address = vaddr(word);
      const target = this.#at.words.at(vaddrAdd(address, first));
      const node = target === undefined ? undefined : vaddrAdd(vaddr(target), layout.list);
      if (node === undefined || !nodes.has(node) || !plausible(address)) continue;
      return this.#lock(ring, layout, { address, from: node });
    }
    return 'no lock that points to its list is on its stack';
  }

  /**
   * The node that is the lock's. Others may be waiters of tasks that nobody knows; those of known
   * tasks are on their stacks.
   */
  #headOf(others: readonly Vaddr[], plausible: (node: Vaddr) => boolean): Vaddr | undefined {
    const elsewhere = others.filter((node) => this.#at.tasks.onStack(node) === undefined);
    // Hardly a lock is a local variable: what is on a stack must look like one.
    const heads = elsewhere.length > 0 ? elsewhere : others.filter(plausible);
    const likely = heads.length > 1 ? heads.filter(plausible) : heads;
    return likely.length === 1 ? likely[0] : undefined;
  }

  #plausible(reader: LockReader, address: Vaddr): boolean {
    const { problems } = this.#at;
    const subject = `${reader.kind} 0x${address.toString(16)}`;
    return problems.attempt(subject, () => reader.plausible(this.#at, address)) === true;
  }

  #lock(
    ring: WaitRing,
    layout: Layout,
    { address, from }: { address: Vaddr; from: Vaddr },
  ): ListedLock {
    const { reader, head } = layout;
    const behind = waitersFrom(ring, from);
    // A lock without a head has its first waiter in its place.
    const nodes = head === undefined ? [from, ...behind] : behind;
    const notes: string[] = [];
    const waiters = nodes.flatMap((node) => {
      const task = this.#waiterAt(node, layout);
      return task === undefined ? [] : [this.#listedWaiter(task, node, layout)];
    });
    const strangers = nodes.length - waiters.length;
    if (strangers > 0) notes.push(`${strangers} of its waiters are of no task that we know`);
    if (ring.torn !== undefined) {
      this.#at.problems.addMessage(
        `${reader.kind} 0x${address.toString(16)}`,
        `its wait list is torn at 0x${ring.torn.toString(16)}`,
      );
      notes.push('its wait list is torn: some waiters may be missing');
    }
    return { reader, address, waiters, notes };
  }

  #listedWaiter(task: KnownTask, node: Vaddr, { reader, list }: Layout): ListedWaiter {
    const address = vaddrAdd(node, -list);
    const ref = lockRef(this.#at, reader.waiter.struct, address);
    const wants = ref === undefined ? undefined : reader.wants?.(ref);
    return { task, address, ...(wants === undefined ? {} : { wants }) };
  }
}

function layoutOf(at: LockMemory, reader: LockReader): Layout | undefined {
  const waiter = structOf(at, reader.waiter.struct);
  const lock = structOf(at, reader.lock.struct);
  if (waiter === undefined || lock === undefined) return undefined;
  const task = offsetOf(waiter, [reader.waiter.task]);
  const list = offsetOf(waiter, [reader.waiter.list]);
  const head = offsetOf(lock, [reader.lock.list]);
  const first = offsetOf(lock, ['first_waiter']);
  if (task === undefined || list === undefined) return undefined;
  if (head !== undefined) return { reader, task, list, head };
  return first === undefined ? undefined : { reader, task, list, first };
}

/** What a lock's functions, and those that they called, have on the stack. */
export function stackRange(
  { frames }: TaskStack,
  { first, last }: WaitSite,
): { start: Vaddr; byteCount: number } {
  const start = vaddr(BigInt(frames[0]?.sp ?? 0));
  const outer = frames[last];
  const cfa = outer?.cfa ?? frames[last + 1]?.sp;
  const end =
    cfa === undefined ? BigInt(frames[first]?.sp ?? 0) + BigInt(RANGE_DEFAULT) : BigInt(cfa);
  const byteCount = Number(end - start);
  return { start, byteCount: Math.min(Math.max(byteCount, 0), RANGE_MAX) };
}
