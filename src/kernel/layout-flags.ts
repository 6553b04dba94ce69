// The bits that a layout file carries besides types: what this dump shows of macros, so that the
// file can serve a dump of the same kernel in which they cannot be found out.

import type { Vmcore } from '../target/vmcore.ts';
import { gfpFlagNames } from './gfp.ts';
import { threadFlagBits } from './thread-info.ts';

/** Bit numbers by name, in sets named as the kernel names their prefix. */
export type LayoutFlags = Readonly<Record<string, Readonly<Record<string, number>>>>;

/** Masks of one bit that are named for it. */
const ZONE_MASKS: ReadonlySet<string> = new Set(['GFP_DMA', 'GFP_DMA32']);

/** TIF_* from the machine code, gfp bits from gfpflag_names; a set that is not found is absent. */
export function layoutFlags(vmcore: Vmcore): LayoutFlags {
  const { memdie, sigpending } = threadFlagBits(vmcore);
  const tif = [memdie, sigpending].flatMap((found) =>
    found === undefined ? [] : [[found.name, found.bit] as const],
  );
  // Named as the enum of bit numbers that v6.10 introduced, and found again under these names.
  const gfp = (gfpFlagNames(vmcore) ?? []).flatMap(({ name, mask }) => {
    const isOneBit = mask !== 0 && (mask & (mask - 1)) === 0;
    // The table has these two under the names of their masks; GFP_NOWAIT is a mask of one bit too.
    const bit = name.startsWith('__GFP_') || ZONE_MASKS.has(name) ? name.replace(/^_*/, '') : '';
    return isOneBit && bit !== '' ? [[`___${bit}_BIT`, 31 - Math.clz32(mask)] as const] : [];
  });
  return {
    ...(tif.length === 0 ? {} : { TIF: Object.fromEntries(tif) }),
    ...(gfp.length === 0 ? {} : { GFP: Object.fromEntries(gfp) }),
  };
}
