// What a struct that describes a request for memory can hold, so that what is none is not taken
// for one.

import type { Vaddr } from '../util/address.ts';
import type { Task } from './task.ts';

/** MAX_ORDER was 11 for long, 10 since 6.4; it can be configured higher. */
export const ORDER_MAX = 18;

/** No kernel has had as many bits of __GFP_*. */
const GFP_MAX = 1 << 29;

/** It can be a gfp_mask: no kernel has more bits, and a request that sleeps has some. */
export function isMask(value: number): boolean {
  return value > 0 && value < GFP_MAX;
}

/** Whether `size` bytes lie on the task's own kernel stack. */
export function isOnStack(
  { stack }: Pick<Task, 'stack'>,
  place: { readonly address: Vaddr; readonly size: number; readonly stackSize: number },
): boolean {
  if (stack === undefined) return false;
  const start = BigInt(stack);
  const end = start + BigInt(place.stackSize);
  return place.address >= start && place.address + BigInt(place.size) <= end;
}
