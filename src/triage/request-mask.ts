// What a request's gfp_mask lets the allocator do for it.

import { isDumpingCore, isInNofsScope, isReclaiming } from '../kernel/task-flags.ts';
import type { MemallocTask } from '../kernel/memalloc-report.ts';

/** A request, as far as it is known. */
export interface RequestMask {
  readonly gfpNames?: string | undefined;
  /** log2 of the pages asked for. */
  readonly order?: number | undefined;
}

/** What a task asks for: by its record, else by what was rebuilt of it. */
export function requestMask({ record, evidence }: MemallocTask): RequestMask {
  return {
    gfpNames: record?.gfpNames ?? evidence?.gfpNames,
    order: record?.order ?? evidence?.order?.value,
  };
}

/** Whether reclaim for it may enter file systems; undefined where its mask has no names. */
export function mayUseFs({ gfpNames }: RequestMask): boolean | undefined {
  if (gfpNames === undefined) return undefined;
  return /\bGFP_(KERNEL|USER|HIGHUSER)|__GFP_FS\b/.test(gfpNames);
}

/** include/linux/mmzone.h */
const PAGE_ALLOC_COSTLY_ORDER = 3;

/** Of a zone below ZONE_NORMAL (v2.6.35): "does not needlessly kill tasks for lowmem". */
const LOWMEM = /(^|\|)(__)?GFP_DMA(32)?(\||$)/;

/**
 * Whether a request can never reach the OOM killer (mm/page_alloc.c, __alloc_pages_may_oom();
 * mm/oom_kill.c, out_of_memory()). Undefined where its mask has no names, and for __GFP_NOFAIL
 * without __GFP_FS, which kernels before v4.12 let through and later ones do not.
 *
 * @param maskAsAsked the mask does not say in what scope the request was made
 */
export function cannotInvokeOom(
  task: MemallocTask,
  mask: RequestMask,
  maskAsAsked: boolean,
): boolean | undefined {
  const { gfpNames: names, order = 0 } = mask;
  if (names === undefined) return undefined;
  // Kernels before v4.12 kill for these all the same where they are not to fail.
  if (LOWMEM.test(names) || isDumpingCore(task)) {
    return /__GFP_NOFAIL\b/.test(names) ? undefined : true;
  }
  const givesUp = /__GFP_(NORETRY|RETRY_MAYFAIL|THISNODE)\b|GFP_TRANSHUGE/.test(names);
  if (givesUp || order > PAGE_ALLOC_COSTLY_ORDER) return true;
  if (mayUseFs(mask) === true) {
    if (!maskAsAsked || !isInNofsScope(task)) return false;
    // Reclaim may have come to a file system, whose scope is not that of the request.
    if (isReclaiming(task)) return undefined;
  }
  return /__GFP_NOFAIL\b/.test(names) ? undefined : true;
}
