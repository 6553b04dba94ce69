// Names for gfp_masks, from the dump's own kernel where it has them.

import { describeGfp, gfpNames, guessGfpEra, type GfpName } from '../types/gfp-flags.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { vaddr } from '../util/address.ts';
import { latin1 } from '../util/byte-reader.ts';

/** Turns masks into names. */
export interface GfpNamer {
  /** `GFP_NOFS|__GFP_NOWARN`; undefined where no table fits this kernel. */
  readonly describe: (mask: number) => string | undefined;
  /** Where the names come from, in words. */
  readonly source: string;
}

/** `gfpflag_names` has about 40 entries. */
const NAMES_MAX = 128;

/**
 * The names of this kernel's gfp bits: its own `gfpflag_names` (mm/debug.c, v4.6, commit
 * 1f7866b4aebd), else the enum of bit numbers (v6.10), else the era table that the masks fit.
 *
 * @param masks gfp_masks of requests that may reclaim, to choose an era by
 */
export function gfpNamer(vmcore: Vmcore, masks: readonly number[]): GfpNamer {
  const own = gfpFlagNames(vmcore);
  if (own !== undefined) {
    return { describe: (mask) => describeGfp(own, mask), source: 'gfpflag_names of this kernel' };
  }
  const bits = namesFromEnum(vmcore);
  if (bits.length > 0) {
    return {
      describe: (mask) => describeGfp(bits, mask),
      source: `enum of ___GFP_*_BIT in ${vmcore.types.origin}`,
    };
  }
  const era = guessGfpEra(masks);
  if (era === undefined) return { describe: () => undefined, source: 'no table fits' };
  return {
    describe: (mask) => describeGfp(era.names, mask),
    source: `bits of mainline ${era.releases}, which fit the masks seen`,
  };
}

/**
 * The kernel's own table, in its order: `struct trace_print_flags { unsigned long mask; const char
 * *name; }[]`, ended by a NULL name. Undefined where there is none or it makes no sense.
 */
export function gfpFlagNames(vmcore: Vmcore): GfpName[] | undefined {
  const array = vmcore.symbols.lookup('gfpflag_names');
  if (array === undefined) return undefined;
  const bytes = vmcore.readAvailable(array, NAMES_MAX * 16, 'names of flags');
  if (bytes.length < 16) vmcore.problems.addMessage('gfpflag_names', 'could not be read', 'fault');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const names: GfpName[] = [];
  for (let at = 0; at + 16 <= bytes.length; at += 16) {
    const pointer = vaddr(view.getBigUint64(at + 8, true));
    if (pointer === 0n) return names.length > 0 ? names : undefined;
    const text = latin1(vmcore.readText(pointer, 64));
    const name = /^(?:__)?GFP_\w+/.exec(text)?.[0];
    if (name === undefined) return undefined;
    names.push({ mask: Number(view.getBigUint64(at, true)), name });
  }
  return undefined;
}

/**
 * The bits of v6.10 and later: enum { ___GFP_DMA_BIT, … } (include/linux/gfp_types.h). Layout files
 * of earlier kernels name by the same rule what was a #define there (include/linux/gfp.h), so those
 * that have gone since are here too: the third line was in 4.4, the fourth before it.
 */
const ENUM_NAMES = [
  'DMA HIGHMEM DMA32 MOVABLE RECLAIMABLE HIGH IO FS ZERO DIRECT_RECLAIM KSWAPD_RECLAIM WRITE',
  'NOWARN RETRY_MAYFAIL NOFAIL NORETRY MEMALLOC COMP NOMEMALLOC HARDWALL THISNODE ACCOUNT',
  'COLD REPEAT ATOMIC NOACCOUNT NOTRACK OTHER_NODE',
  'WAIT NO_KSWAPD KMEMCG',
  'ZEROTAGS SKIP_ZERO SKIP_KASAN SKIP_KASAN_POISON SKIP_KASAN_UNPOISON NOLOCKDEP NO_OBJ_EXT',
]
  .join(' ')
  .split(' ');

function namesFromEnum(vmcore: Vmcore): GfpName[] {
  const bits: Record<string, number> = {};
  for (const name of ENUM_NAMES) {
    const bit = vmcore.types.findEnumerator(`___GFP_${name}_BIT`);
    if (bit !== undefined) bits[`__GFP_${name}`] = 2 ** Number(bit);
  }
  return Object.keys(bits).length === 0 ? [] : gfpNames(bits);
}
