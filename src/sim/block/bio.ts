// A bio and the sets that bios come from (block/bio.c): what is to be moved between pages and a
// device. A set keeps two in reserve, so that whoever frees memory by writing can always write.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import {
  mempool_alloc,
  mempool_create,
  mempool_free,
  slabSource,
  type Mempool,
  type MempoolElement,
} from '../mm/mempool.ts';
import { KmemCache } from '../mm/slab.ts';
import type { BlockDevice } from './block.ts';

/** BIO_POOL_SIZE: the reserve of fs_bio_set. */
export const BIO_POOL_SIZE = 2;
/** struct bio with its inline vectors, as its slab aligns it. */
const BIO_BYTES = 256;

/** struct bio_set. */
export class BioSet {
  readonly pool: Mempool;

  constructor(k: Kernel, { name, poolSize }: { name: string; poolSize: number }) {
    const source = slabSource(new KmemCache(`bio of ${name}`, BIO_BYTES));
    this.pool = mempool_create(k, { name, minNr: poolSize, source });
  }
}

/** What a bio is to do. */
export interface BioPlan {
  readonly device: BlockDevice;
  readonly pages: number;
  readonly isWrite: boolean;
  /** bi_end_io: called when the device is done, from an interrupt or by a worker. */
  readonly end: () => void;
}

/** struct bio. */
export class Bio implements BioPlan {
  readonly device: BlockDevice;
  readonly pages: number;
  readonly isWrite: boolean;
  readonly end: () => void;
  readonly set: BioSet;
  readonly element: MempoolElement;

  constructor(plan: BioPlan, { set, element }: { set: BioSet; element: MempoolElement }) {
    this.device = plan.device;
    this.pages = plan.pages;
    this.isWrite = plan.isWrite;
    this.end = plan.end;
    this.set = set;
    this.element = element;
    const allocator = element.holders();
    element.holders = () => allocator;
  }
}

/** Allocates a bio; with a mask that may sleep there always is one in the end. */
export function* bio_alloc_bioset(
  k: Kernel,
  { set, gfp, plan }: { set: BioSet; gfp: number; plan: BioPlan },
): Code<Bio | undefined> {
  const element = yield* call(k, mempool_alloc, set.pool, gfp);
  if (element === undefined) return undefined;
  // Until it is submitted, whoever asked for it has it.
  const task = k.current;
  element.holders = () => [task];
  return new Bio(plan, { set, element });
}

/** bio_endio() and the last bio_put(): it goes back where it came from. */
export function bio_endio(k: Kernel, bio: Bio): void {
  mempool_free(k, bio.set.pool, bio.element);
  bio.end();
}
