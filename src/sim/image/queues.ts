// Wait queues that are variables of the kernel, and mempools, each of which has one.

import { findMember, type TypeSource } from '../../types/ctype.ts';
import { vaddrAdd, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { Areas } from './areas.ts';
import type { KernelImage } from './kernel-image.ts';
import type { KernelMemory } from './kernel-memory.ts';
import { memberAddress } from './lists.ts';
import type { WaitEntryOf } from './node.ts';
import type { MempoolFacts, QueueFacts } from './queue-facts.ts';
import { linkWaitQueue, waitHeadName } from './wait-queues.ts';

/** The member of a bio_set that its bios come from. */
const BIO_POOL = 'bio_pool';

/** Gives the variables their symbols. */
export function defineQueues(
  image: KernelImage,
  types: TypeSource,
  { waitQueues, mempools }: QueueFacts,
): void {
  const head = structSize(types, waitHeadName(types));
  for (const { symbol, waiterPids } of waitQueues) {
    image.define(symbol, { section: 'data', size: head * waiterPids.length, align: 16 });
  }
  for (const { bioSet } of mempools) {
    if (bioSet === undefined || !hasBioPool(types)) continue;
    image.define(bioSet, { section: 'bss', size: structSize(types, 'bio_set'), align: 32 });
  }
}

/** Writes all of them. @returns where the mempools lie, in the order of the facts */
export function writeQueues(
  image: KernelImage,
  areas: Areas,
  { facts, waitEntryOf }: { facts: QueueFacts; waitEntryOf: WaitEntryOf },
): Vaddr[] {
  const { memory } = areas;
  const entriesOf = (pids: readonly number[]): Vaddr[] =>
    pids.flatMap((pid) => waitEntryOf(pid) ?? []);
  const head = memory.struct(waitHeadName(memory.types)).size;
  for (const { symbol, waiterPids } of facts.waitQueues) {
    waiterPids.forEach((pids, i) => {
      linkWaitQueue(memory, vaddrAdd(image.symbol(symbol), i * head), entriesOf(pids));
    });
  }
  return facts.mempools.map((pool) => {
    const address = placePool(image, areas, pool);
    writePool(image, memory, { pool, address });
    const wait = memberAddress(memory, address, { struct: 'mempool_s', path: 'wait' });
    linkWaitQueue(memory, wait, entriesOf(pool.waiterPids));
    return address;
  });
}

/** A part of its bio_set since Linux 4.18, an object of its own before, and in dm-crypt. */
function placePool(image: KernelImage, areas: Areas, { bioSet }: MempoolFacts): Vaddr {
  if (bioSet === undefined || !image.has(bioSet)) return areas.allocate('mempool_s');
  const at = { struct: 'bio_set', path: BIO_POOL };
  return memberAddress(areas.memory, image.symbol(bioSet), at);
}

function writePool(
  image: KernelImage,
  memory: KernelMemory,
  { pool, address }: { pool: MempoolFacts; address: Vaddr },
): void {
  const { minNr, currNr, alloc } = pool;
  memory.store('mempool_s', address, {
    min_nr: minNr,
    curr_nr: currNr,
    ...(alloc === undefined ? {} : { alloc: image.symbol(alloc) }),
  });
}

function hasBioPool(types: TypeSource): boolean {
  const type = types.find('struct', 'bio_set');
  const pool = type?.kind === 'struct' ? findMember(type, BIO_POOL) : undefined;
  return pool?.type.kind === 'struct';
}

function structSize(types: TypeSource, name: string): number {
  const type = types.find('struct', name);
  assert(type?.kind === 'struct', `${types.origin} has no struct ${name}`);
  return type.size;
}
