// Tables of names that a 6.1 kernel has in its read-only data.

/** task_state_array of fs/proc/array.c since Linux 4.14. */
export const TASK_STATES_6_1: readonly string[] = [
  'R (running)',
  'S (sleeping)',
  'D (disk sleep)',
  'T (stopped)',
  't (tracing stop)',
  'X (dead)',
  'Z (zombie)',
  'P (parked)',
  'I (idle)',
];

/** __GFP_* of 5.18 to 6.2 (include/linux/gfp_types.h) without KASAN_HW_TAGS and LOCKDEP. */
const GFP = {
  DMA: 0x1,
  HIGHMEM: 0x2,
  DMA32: 0x4,
  MOVABLE: 0x8,
  RECLAIMABLE: 0x10,
  HIGH: 0x20,
  IO: 0x40,
  FS: 0x80,
  ZERO: 0x100,
  ATOMIC: 0x200,
  DIRECT_RECLAIM: 0x400,
  KSWAPD_RECLAIM: 0x800,
  WRITE: 0x1000,
  NOWARN: 0x2000,
  RETRY_MAYFAIL: 0x4000,
  NOFAIL: 0x8000,
  NORETRY: 0x10000,
  MEMALLOC: 0x20000,
  COMP: 0x40000,
  NOMEMALLOC: 0x80000,
  HARDWALL: 0x100000,
  THISNODE: 0x200000,
  ACCOUNT: 0x400000,
  ZEROTAGS: 0x800000,
};
const RECLAIM = GFP.DIRECT_RECLAIM | GFP.KSWAPD_RECLAIM;
const NOFS = RECLAIM | GFP.IO;
const KERNEL = NOFS | GFP.FS;
const HIGHUSER_MOVABLE = KERNEL | GFP.HARDWALL | GFP.HIGHMEM | GFP.MOVABLE;
const TRANSHUGE_LIGHT = (HIGHUSER_MOVABLE | GFP.COMP | GFP.NOMEMALLOC | GFP.NOWARN) & ~RECLAIM;

/** gfpflag_names: the composites, most bits first, then single bits in the kernel's order. */
export const GFPFLAG_NAMES_6_1: readonly (readonly [name: string, mask: number])[] = [
  ['GFP_TRANSHUGE', TRANSHUGE_LIGHT | GFP.DIRECT_RECLAIM],
  ['GFP_TRANSHUGE_LIGHT', TRANSHUGE_LIGHT],
  ['GFP_HIGHUSER_MOVABLE', HIGHUSER_MOVABLE],
  ['GFP_HIGHUSER', KERNEL | GFP.HARDWALL | GFP.HIGHMEM],
  ['GFP_USER', KERNEL | GFP.HARDWALL],
  ['GFP_KERNEL_ACCOUNT', KERNEL | GFP.ACCOUNT],
  ['GFP_KERNEL', KERNEL],
  ['GFP_NOFS', NOFS],
  ['GFP_ATOMIC', GFP.HIGH | GFP.ATOMIC | GFP.KSWAPD_RECLAIM],
  ['GFP_NOIO', RECLAIM],
  ['GFP_NOWAIT', GFP.KSWAPD_RECLAIM],
  ['GFP_DMA', GFP.DMA],
  ['__GFP_HIGHMEM', GFP.HIGHMEM],
  ['GFP_DMA32', GFP.DMA32],
  ...(
    'HIGH ATOMIC IO FS NOWARN RETRY_MAYFAIL NOFAIL NORETRY COMP ZERO NOMEMALLOC MEMALLOC ' +
    'HARDWALL THISNODE RECLAIMABLE MOVABLE ACCOUNT WRITE'
  )
    .split(' ')
    .map((name) => [`__GFP_${name}`, GFP[name as keyof typeof GFP]] as const),
  ['__GFP_RECLAIM', RECLAIM],
  ['__GFP_DIRECT_RECLAIM', GFP.DIRECT_RECLAIM],
  ['__GFP_KSWAPD_RECLAIM', GFP.KSWAPD_RECLAIM],
  ['__GFP_ZEROTAGS', GFP.ZEROTAGS],
];
