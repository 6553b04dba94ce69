// Slab caches (mm/slub.c), as far as memory pressure meets them: objects of one size share pages,
// and only when all slabs are full does an allocation need a page.

import { call, type Code } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import type { Page } from './mmzone.ts';
import { __alloc_pages } from './page-alloc.ts';

const PAGE_SIZE = 4096;

/** struct kmem_cache, of slabs that have one page. */
export class KmemCache {
  readonly name: string;
  readonly objectsPerSlab: number;
  /** Objects that are in use. */
  inUse = 0;
  readonly #slabs: Page[] = [];

  /** @param size of an object in bytes */
  constructor(name: string, size: number) {
    this.name = name;
    this.objectsPerSlab = Math.floor(PAGE_SIZE / size);
  }

  get slabCount(): number {
    return this.#slabs.length;
  }

  /** Takes an object from a slab. @returns whether one had room */
  take(): boolean {
    if (this.inUse >= this.#slabs.length * this.objectsPerSlab) return false;
    this.inUse++;
    return true;
  }

  addSlab(page: Page): void {
    this.#slabs.push(page);
  }

  /**
   * Gives an object back. Which slab it came from is not kept: objects count as packed, so that a
   * slab is free as soon as the others have room for all; one is kept for the next object.
   */
  give(): void {
    this.inUse--;
    const needed = Math.ceil(this.inUse / this.objectsPerSlab);
    if (this.#slabs.length <= needed + 1) return;
    const page = this.#slabs.pop();
    page?.zone.give(page);
  }
}

/** What is asked of a cache. */
export interface SlabRequest {
  readonly cache: KmemCache;
  readonly gfp: number;
}

/** @returns whether there is an object */
export function* kmem_cache_alloc(k: Kernel, request: SlabRequest): Code<boolean> {
  const { cache } = request;
  if (cache.take()) return true;
  return yield* call(k, ___slab_alloc, request);
}

function* ___slab_alloc(k: Kernel, { cache, gfp }: SlabRequest): Code<boolean> {
  const page = yield* call(k, new_slab, gfp);
  if (page !== undefined) cache.addSlab(page);
  // Who slept for a page may find that others made room meanwhile.
  return cache.take();
}

function* new_slab(k: Kernel, gfp: number): Code<Page | undefined> {
  return yield* call(k, __alloc_pages, { gfp, order: 0 });
}

/** kmem_cache_free() */
export function kmem_cache_free(cache: KmemCache): void {
  cache.give();
}
