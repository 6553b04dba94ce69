// phasedWatermarks. Seed 002, (1): how low a request may go depends on the stage of reclaim that it
// is made in, and the stage is handed on with work that other threads do for reclaim.
//
//   stage 0   whoever needs memory              min
//   stage 1   who reclaims                      half of min
//   stage 2   who writes for those              three eighths of min
//
// A lock is not handed on: its holder knows nothing of who waits for it.

import type { Kernel } from '../core/kernel.ts';
import { ALLOC_MIN_RESERVE, ALLOC_NON_BLOCK } from '../mm/alloc-flags.ts';

/** ALLOC_* of each stage; the last one holds for all beyond it. */
const STAGE_FLAGS: readonly number[] = [0, ALLOC_MIN_RESERVE, ALLOC_MIN_RESERVE | ALLOC_NON_BLOCK];

/** The current task enters the next stage, as seed 002 would have it. */
export function watermark_lower(k: Kernel): void {
  k.current.reclaimStage++;
}

/** It leaves that stage. */
export function watermark_higher(k: Kernel): void {
  k.current.reclaimStage--;
}

/** Work is begun for somebody. @returns what {@link leaveStage} needs */
export function adoptStage({ current }: Kernel, stage: number): number {
  const own = current.reclaimStage;
  current.reclaimStage = Math.max(own, stage);
  return own;
}

/** The work is done. */
export function leaveStage({ current }: Kernel, own: number): void {
  current.reclaimStage = own;
}

/** What the stage of the current task entitles it to. */
export function stageFlags({ options, current }: Kernel): number {
  const isPhased = options.phasedWatermarks || options.reclaimThreads || options.noDirectReclaim;
  if (!isPhased) return 0;
  return STAGE_FLAGS[Math.min(current.reclaimStage, STAGE_FLAGS.length - 1)] ?? 0;
}
