// __GFP_* bits by era, for kernels that do not carry their own table of names. Bits were moved
// around seven times (include/linux/gfp.h, later gfp_types.h); distributions backport the moves,
// so an era is chosen by what the dump's own masks look like, never by release.

/** One name for some bits of a gfp_mask; names with several bits come before their parts. */
export interface GfpName {
  readonly mask: number;
  readonly name: string;
}

/** The bits between two reshuffles. */
export interface GfpEra {
  /** The releases of mainline that had these bits, for people. */
  readonly releases: string;
  readonly names: readonly GfpName[];
  /** __GFP_DIRECT_RECLAIM (__GFP_WAIT before v4.4) and __GFP_KSWAPD_RECLAIM (0 before v4.4). */
  readonly directReclaim: number;
  readonly kswapdReclaim: number;
}

/** The bits that never moved. */
const ZONE_AND_IO = {
  __GFP_DMA: 0x1,
  __GFP_HIGHMEM: 0x2,
  __GFP_DMA32: 0x4,
  __GFP_MOVABLE: 0x8,
  __GFP_HIGH: 0x20,
  __GFP_IO: 0x40,
  __GFP_FS: 0x80,
};

/** 0x10 to 0x80000 between v4.4 and v5.0, but for 0x100 and 0x400. */
const V4_MIDDLE = {
  ...ZONE_AND_IO,
  __GFP_RECLAIMABLE: 0x10,
  __GFP_NOWARN: 0x200,
  __GFP_NOFAIL: 0x800,
  __GFP_NORETRY: 0x1000,
  __GFP_MEMALLOC: 0x2000,
  __GFP_COMP: 0x4000,
  __GFP_ZERO: 0x8000,
  __GFP_NOMEMALLOC: 0x10000,
  __GFP_HARDWALL: 0x20000,
  __GFP_THISNODE: 0x40000,
  __GFP_ATOMIC: 0x80000,
  __GFP_ACCOUNT: 0x100000,
};

/** From commit "include/linux/gfp.h: shuffle GFP_* flags" (v5.1) on. */
const V5 = {
  ...ZONE_AND_IO,
  __GFP_RECLAIMABLE: 0x10,
  __GFP_ZERO: 0x100,
  __GFP_DIRECT_RECLAIM: 0x400,
  __GFP_KSWAPD_RECLAIM: 0x800,
  __GFP_WRITE: 0x1000,
  __GFP_NOWARN: 0x2000,
  __GFP_RETRY_MAYFAIL: 0x4000,
  __GFP_NOFAIL: 0x8000,
  __GFP_NORETRY: 0x10000,
  __GFP_MEMALLOC: 0x20000,
  __GFP_COMP: 0x40000,
  __GFP_NOMEMALLOC: 0x80000,
  __GFP_HARDWALL: 0x100000,
  __GFP_THISNODE: 0x200000,
  __GFP_ACCOUNT: 0x400000,
};

/** Every era, newest first. */
export const GFP_ERAS: readonly GfpEra[] = [
  era('6.3 and later', { ...V5, __GFP_ZEROTAGS: 0x800000 }),
  era('5.1 to 6.2', { ...V5, __GFP_ATOMIC: 0x200 }),
  era('4.18 to 5.0', {
    ...V4_MIDDLE,
    __GFP_WRITE: 0x100,
    __GFP_RETRY_MAYFAIL: 0x400,
    __GFP_DIRECT_RECLAIM: 0x200000,
    __GFP_KSWAPD_RECLAIM: 0x400000,
    __GFP_NOLOCKDEP: 0x800000,
  }),
  era('4.15 to 4.17', {
    ...V4_MIDDLE,
    __GFP_RETRY_MAYFAIL: 0x400,
    __GFP_DIRECT_RECLAIM: 0x400000,
    __GFP_WRITE: 0x800000,
    __GFP_KSWAPD_RECLAIM: 0x1000000,
    __GFP_NOLOCKDEP: 0x2000000,
  }),
  era('4.10 to 4.14', {
    ...V4_MIDDLE,
    __GFP_COLD: 0x100,
    __GFP_REPEAT: 0x400,
    __GFP_NOTRACK: 0x200000,
    __GFP_DIRECT_RECLAIM: 0x400000,
    __GFP_WRITE: 0x800000,
    __GFP_KSWAPD_RECLAIM: 0x1000000,
    __GFP_NOLOCKDEP: 0x2000000,
  }),
  era('4.4 to 4.9', {
    ...V4_MIDDLE,
    __GFP_COLD: 0x100,
    __GFP_REPEAT: 0x400,
    __GFP_NOTRACK: 0x200000,
    __GFP_DIRECT_RECLAIM: 0x400000,
    __GFP_OTHER_NODE: 0x800000,
    __GFP_WRITE: 0x1000000,
    __GFP_KSWAPD_RECLAIM: 0x2000000,
  }),
  era('3.10 to 4.3', {
    ...ZONE_AND_IO,
    __GFP_WAIT: 0x10,
    __GFP_COLD: 0x100,
    __GFP_NOWARN: 0x200,
    __GFP_REPEAT: 0x400,
    __GFP_NOFAIL: 0x800,
    __GFP_NORETRY: 0x1000,
    __GFP_MEMALLOC: 0x2000,
    __GFP_COMP: 0x4000,
    __GFP_ZERO: 0x8000,
    __GFP_NOMEMALLOC: 0x10000,
    __GFP_HARDWALL: 0x20000,
    __GFP_THISNODE: 0x40000,
    __GFP_RECLAIMABLE: 0x80000,
    __GFP_KMEMCG: 0x100000,
    __GFP_NOTRACK: 0x200000,
    __GFP_NO_KSWAPD: 0x400000,
    __GFP_OTHER_NODE: 0x800000,
    __GFP_WRITE: 0x1000000,
  }),
];

function era(releases: string, bits: Readonly<Record<string, number>>): GfpEra {
  const { directReclaim, kswapdReclaim } = reclaimBits(bits);
  return { releases, names: gfpNames(bits), directReclaim, kswapdReclaim };
}

type GfpBits = Readonly<Record<string, number>>;

function reclaimBits(bits: GfpBits): Pick<GfpEra, 'directReclaim' | 'kswapdReclaim'> {
  return {
    directReclaim: bits.__GFP_DIRECT_RECLAIM ?? bits.__GFP_WAIT ?? 0,
    kswapdReclaim: bits.__GFP_KSWAPD_RECLAIM ?? 0,
  };
}

/** The names of a kernel that has these bits, by their names: the masks that have one first. */
export function gfpNames(bits: GfpBits): GfpName[] {
  const singles = Object.entries(bits).map(([name, mask]) => ({ name, mask }));
  return [...composites(bits), ...singles];
}

/**
 * The masks that have a name of their own, most bits first, as the kernel lists them
 * (include/trace/events/gfpflags.h, later mmflags.h).
 */
function composites(bits: GfpBits): GfpName[] {
  const { directReclaim, kswapdReclaim } = reclaimBits(bits);
  const reclaim = directReclaim | kswapdReclaim;
  const bit = (name: string): number => bits[`__GFP_${name}`] ?? 0;
  const kernel = reclaim | bit('IO') | bit('FS');
  const user = kernel | bit('HARDWALL');
  const highuser = user | bit('HIGHMEM');
  const movable = highuser | bit('MOVABLE');
  // Up to v4.4, which has no __GFP_ACCOUNT; what it stands for has changed since.
  const hugeOptions = ['COMP', 'NOMEMALLOC', 'NORETRY', 'NOWARN', 'NO_KSWAPD'];
  const huge = hugeOptions.reduce((all, name) => all | bit(name), movable & ~kswapdReclaim);
  const named: GfpName[] = [
    ...(bit('ACCOUNT') === 0 ? [{ name: 'GFP_TRANSHUGE', mask: huge }] : []),
    { name: 'GFP_HIGHUSER_MOVABLE', mask: movable },
    { name: 'GFP_HIGHUSER', mask: highuser },
    { name: 'GFP_USER', mask: user },
    // Up to v4.13, as was __GFP_NOTRACK.
    ...(bit('NOTRACK') === 0 ? [] : [{ name: 'GFP_TEMPORARY', mask: kernel | bit('RECLAIMABLE') }]),
    ...(bit('ACCOUNT') === 0
      ? []
      : [{ name: 'GFP_KERNEL_ACCOUNT', mask: kernel | bit('ACCOUNT') }]),
    { name: 'GFP_KERNEL', mask: kernel },
    { name: 'GFP_NOFS', mask: reclaim | bit('IO') },
    { name: 'GFP_ATOMIC', mask: bit('HIGH') | bit('ATOMIC') | bit('KSWAPD_RECLAIM') },
    { name: 'GFP_NOIO', mask: reclaim },
    { name: 'GFP_NOWAIT', mask: bit('KSWAPD_RECLAIM') },
  ];
  // Where a flag does not exist in an era, a composite may fall together with one before it.
  const seen = new Set<number>([0]);
  return named.filter(({ mask }) => !seen.has(mask) && seen.add(mask));
}

/**
 * The era whose reclaim bits the masks of real sleeping requests carry.
 *
 * @param masks gfp_masks of requests that may reclaim directly
 * @returns undefined where there are none, or eras fit equally well and name the masks differently
 */
export function guessGfpEra(masks: readonly number[]): GfpEra | undefined {
  const scores = GFP_ERAS.map((candidate) => ({ candidate, score: score(candidate, masks) }));
  const best = Math.max(...scores.map((each) => each.score));
  const [first, ...rivals] = scores.filter((each) => each.score === best);
  if (first === undefined || best <= 0) return undefined;
  const words = ({ names }: GfpEra): string => masks.map((mask) => describeGfp(names, mask)).join();
  const agree = rivals.every(({ candidate }) => words(candidate) === words(first.candidate));
  return agree ? first.candidate : undefined;
}

/**
 * How well an era explains the masks: those with both reclaim bits speak for it, those with a bit
 * that it has no name for against.
 */
function score(candidate: GfpEra, masks: readonly number[]): number {
  const reclaim = candidate.directReclaim | candidate.kswapdReclaim;
  const known = candidate.names.reduce((all, { mask }) => all | mask, 0);
  const strange = masks.filter((mask) => (mask & ~known) !== 0).length;
  const fitting = masks.filter((mask) => (mask & reclaim) === reclaim && (mask & ~known) === 0);
  return fitting.length - strange;
}

/**
 * A mask in names, as printk's %pGg writes it (lib/vsprintf.c): names in the order of the table,
 * each taking its bits away, joined by `|`, what is left in hex.
 */
export function describeGfp(names: readonly GfpName[], mask: number): string {
  let left = mask >>> 0;
  const parts: string[] = [];
  for (const { name, mask: bits } of names) {
    if (bits === 0 || (left & bits) >>> 0 !== bits >>> 0) continue;
    parts.push(name);
    left = (left & ~bits) >>> 0;
  }
  if (left !== 0) parts.push(`0x${left.toString(16)}`);
  return parts.join('|');
}
