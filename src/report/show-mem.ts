// The state of memory in the kernel's own words: show_mem() (lib/show_mem.c, mm/show_mem.c since
// 6.5) and __show_free_areas() of 6.1; where zones count everything (up to 4.7), the zone lines of
// that time. Counters are as the kernel prints them: without what CPUs have not folded in, and not
// below 0. A word that this kernel has no number for is left out; so is local_pcp, which is that of
// the CPU that happens to print.

import type { MemResult } from '../kernel/mem.ts';
import { PAGE_KB } from '../kernel/memory-users.ts';
import { KSWAPD_FAILURES_MAX, type NodeState, type ZoneState } from '../kernel/mmzone.ts';

/** A word and the first counter of these that there is. */
type Word = readonly [word: string, ...counters: string[]];

/** Of the whole machine, in pages; one row a line. */
const TOTALS: readonly (readonly Word[])[] = [
  [
    ['active_anon', 'NR_ACTIVE_ANON'],
    ['inactive_anon', 'NR_INACTIVE_ANON'],
    ['isolated_anon', 'NR_ISOLATED_ANON'],
  ],
  [
    ['active_file', 'NR_ACTIVE_FILE'],
    ['inactive_file', 'NR_INACTIVE_FILE'],
    ['isolated_file', 'NR_ISOLATED_FILE'],
  ],
  [
    ['unevictable', 'NR_UNEVICTABLE'],
    ['dirty', 'NR_FILE_DIRTY'],
    ['writeback', 'NR_WRITEBACK'],
    ['unstable', 'NR_UNSTABLE_NFS'],
  ],
  [
    ['slab_reclaimable', 'NR_SLAB_RECLAIMABLE_B', 'NR_SLAB_RECLAIMABLE'],
    ['slab_unreclaimable', 'NR_SLAB_UNRECLAIMABLE_B', 'NR_SLAB_UNRECLAIMABLE'],
  ],
];

/** What followed `pagetables` on its line until there were page tables of guests (6.1). */
const MAPPED: readonly Word[] = [
  ['mapped', 'NR_FILE_MAPPED'],
  ['shmem', 'NR_SHMEM'],
  ['pagetables', 'NR_PAGETABLE'],
];
const SECONDARY: Word = ['sec_pagetables', 'NR_SECONDARY_PAGETABLE'];
const BOUNCE: Word = ['bounce', 'NR_BOUNCE'];
const MISC: Word = ['kernel_misc_reclaimable', 'NR_KERNEL_MISC_RECLAIMABLE'];

/** Of a node; before them come its LRU lists. */
const NODE_WORDS: readonly Word[] = [
  ['isolated(anon)', 'NR_ISOLATED_ANON'],
  ['isolated(file)', 'NR_ISOLATED_FILE'],
  ['mapped', 'NR_FILE_MAPPED'],
  ['dirty', 'NR_FILE_DIRTY'],
  ['writeback', 'NR_WRITEBACK'],
  ['shmem', 'NR_SHMEM'],
];
const THP_WORDS: readonly Word[] = [
  ['shmem_thp: ', 'NR_SHMEM_THPS'],
  ['shmem_pmdmapped: ', 'NR_SHMEM_PMDMAPPED'],
  ['anon_thp: ', 'NR_ANON_THPS'],
];

const LRU_NAMES = ['active_anon', 'inactive_anon', 'active_file', 'inactive_file', 'unevictable'];

/** Of a zone that counted all of it, in the order of 4.4. */
const FORMER_WORDS: readonly Word[] = [
  ['mlocked', 'NR_MLOCK'],
  ['dirty', 'NR_FILE_DIRTY'],
  ['writeback', 'NR_WRITEBACK'],
  ['mapped', 'NR_FILE_MAPPED'],
  ['shmem', 'NR_SHMEM'],
  ['slab_reclaimable', 'NR_SLAB_RECLAIMABLE'],
  ['slab_unreclaimable', 'NR_SLAB_UNRECLAIMABLE'],
];

/** zone_reclaimable() up to 4.11: so many times its LRU lists may be scanned. */
const SCANS_MAX = 6;

/** Letters of show_migration_types(). */
const TYPE_LETTERS: Readonly<Record<string, string>> = {
  UNMOVABLE: 'U',
  MOVABLE: 'M',
  RECLAIMABLE: 'E',
  RESERVE: 'R',
  HIGHATOMIC: 'H',
  CMA: 'C',
  ISOLATE: 'I',
};

/** `UM`, as show_migration_types() has them. */
export function typeLetters(migrateTypes: readonly string[]): string {
  return migrateTypes.map((type) => TYPE_LETTERS[type] ?? '?').join('');
}

/** All lines. */
export function showMemText(result: MemResult): string {
  const { nodes } = result;
  const zones = nodes.flatMap((node) => node.zones.map((zone) => ({ node, zone })));
  return [
    'Mem-Info:',
    ...totalLines(nodes),
    ...nodes.filter(isManaged).map((node) => nodeLine(node, result)),
    ...zones.flatMap(({ node, zone }) => [zoneLine(node, zone, result), ...reserveLine(zone)]),
    ...zones.flatMap(({ node, zone }) => blocksLine(node, zone, result)),
    ...hugeLines(result),
    ...counterLine(nodes, 'NR_FILE_PAGES', 'total pagecache pages'),
    ...swapLines(result),
    ...sizeLines(result),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

function isManaged({ zones, counters }: NodeState): boolean {
  return Object.keys(counters).length > 0 && zones.some(({ managed = 0 }) => managed > 0);
}

function totalLines(nodes: readonly NodeState[]): string[] {
  const text = (words: readonly Word[]): string[] =>
    words.flatMap(([word, ...names]) => {
      const pages = totalOf(nodes, names);
      return pages === undefined ? [] : [`${word}:${pages}`];
    });
  const secondary = text([SECONDARY]);
  const bounce = text([BOUNCE]);
  const rest =
    secondary.length === 0
      ? [[...text(MAPPED), ...bounce]]
      : [text(MAPPED), [...secondary, ...bounce]];
  const lists = nodes.flatMap(({ zones }) => zones.map(({ perCpuPages }) => perCpuPages));
  const onLists = lists.reduce<number>((sum, pages) => sum + (pages ?? 0), 0);
  const free = [
    ...text([['free', 'NR_FREE_PAGES']]),
    ...(lists.includes(undefined) ? [] : [`free_pcp:${onLists}`]),
    ...text([['free_cma', 'NR_FREE_CMA_PAGES']]),
  ];
  return [...TOTALS.map(text), ...rest, text([MISC]), free]
    .filter((words) => words.length > 0)
    .map((words, index) => `${index === 0 ? '' : ' '}${words.join(' ')}`);
}

function nodeLine(node: NodeState, { hasTransparentHugepages, nodes }: MemResult): string {
  // In pages since 5.12 only; NR_SWAPCACHE came with the same release.
  const countsThpPages = totalOf(nodes, ['NR_SWAPCACHE']) !== undefined;
  const hasThp = hasTransparentHugepages && countsThpPages;
  const { counters, kswapdFailures } = node;
  const words = (list: readonly Word[]): string[] => kilobytes(counters, list);
  return [
    `Node ${node.node}`,
    ...words(LRU_NAMES.map((name) => [name, `NR_${name.toUpperCase()}`])),
    ...words(NODE_WORDS),
    ...(hasThp ? words(THP_WORDS) : []),
    ...words([['writeback_tmp', 'NR_WRITEBACK_TEMP']]),
    ...plain(counters, 'kernel_stack', 'NR_KERNEL_STACK_KB'),
    ...plain(counters, 'shadow_call_stack', 'NR_KERNEL_SCS_KB'),
    ...words([['pagetables', 'NR_PAGETABLE'], SECONDARY]),
    ...(kswapdFailures === undefined
      ? []
      : [`all_unreclaimable? ${yesNo(kswapdFailures >= KSWAPD_FAILURES_MAX)}`]),
  ].join(' ');
}

function zoneLine({ node }: NodeState, zone: ZoneState, result: MemResult): string {
  const { counters } = zone;
  const isFormer = counters.NR_ACTIVE_ANON !== undefined;
  const words = (list: readonly Word[]): string[] => kilobytes(counters, list);
  const { boost = 0, min, low, high } = zone.watermarks ?? {};
  return [
    `${nodePart(node, result)}${zone.name}`,
    ...words([['free', 'NR_FREE_PAGES']]),
    ...pagesWord('boost', zone.watermarks?.boost),
    ...pagesWord('min', min === undefined ? undefined : min + boost),
    ...pagesWord('low', low === undefined ? undefined : low + boost),
    ...pagesWord('high', high === undefined ? undefined : high + boost),
    ...pagesWord('reserved_highatomic', zone.reservedHighatomic).map((word) =>
      word.replace('kB', 'KB'),
    ),
    ...words(
      LRU_NAMES.map((name) => [name, `NR_ZONE_${name.toUpperCase()}`, `NR_${name.toUpperCase()}`]),
    ),
    ...(isFormer ? words(NODE_WORDS.slice(0, 2)) : []),
    ...words([['writepending', 'NR_ZONE_WRITE_PENDING']]),
    ...pagesWord('present', zone.present),
    ...pagesWord('managed', zone.managed),
    ...words(isFormer ? FORMER_WORDS : [['mlocked', 'NR_MLOCK']]),
    ...stackWords(counters, result),
    ...words([
      ['pagetables', 'NR_PAGETABLE'],
      ...(isFormer ? [['unstable', 'NR_UNSTABLE_NFS'] as const] : []),
      BOUNCE,
    ]),
    ...pagesWord('free_pcp', zone.perCpuPages),
    ...words([['free_cma', 'NR_FREE_CMA_PAGES']]),
    ...(isFormer ? formerEnd(zone, result) : []),
  ].join(' ');
}

/** Of the zone up to 5.10. */
function stackWords(counters: ZoneState['counters'], { threadSize }: MemResult): string[] {
  const stacks = counters.NR_KERNEL_STACK;
  if (stacks === undefined) return plain(counters, 'kernel_stack', 'NR_KERNEL_STACK_KB');
  return [`kernel_stack:${Math.floor((shown(stacks.stored) * threadSize) / 1024)}kB`];
}

function formerEnd({ counters, pagesScanned }: ZoneState, { swap }: MemResult): string[] {
  if (pagesScanned === undefined)
    return kilobytes(counters, [['writeback_tmp', 'NR_WRITEBACK_TEMP']]);
  const sum = (...names: string[]): number =>
    names.reduce((pages, name) => pages + shown(counters[name]?.stored ?? 0), 0);
  const anon = (swap?.freePages ?? 0) > 0;
  const lists = sum(
    'NR_ACTIVE_FILE',
    'NR_INACTIVE_FILE',
    ...(anon ? ['NR_ACTIVE_ANON', 'NR_INACTIVE_ANON'] : []),
  );
  const isolated = sum('NR_ISOLATED_FILE', ...(anon ? ['NR_ISOLATED_ANON'] : []));
  // Whether isolated pages counted differs between kernels and cannot be seen in a dump.
  const answers = [lists, lists + isolated].map((pages) => pagesScanned >= pages * SCANS_MAX);
  return [
    ...kilobytes(counters, [['writeback_tmp', 'NR_WRITEBACK_TEMP']]),
    `pages_scanned:${pagesScanned}`,
    ...(answers[0] === answers[1] ? [`all_unreclaimable? ${yesNo(answers[0] === true)}`] : []),
  ];
}

function reserveLine({ lowmemReserve }: ZoneState): string[] {
  return lowmemReserve === undefined ? [] : [`lowmem_reserve[]: ${lowmemReserve.join(' ')}`];
}

/** show_node() */
function nodePart(node: number, { isNuma }: MemResult): string {
  return isNuma ? `Node ${node} ` : '';
}

function blocksLine({ node }: NodeState, zone: ZoneState, result: MemResult): string[] {
  const { name, freeAreas, buddyPages } = zone;
  if (freeAreas === undefined || buddyPages === undefined) return [];
  const blocks = freeAreas.map(({ order, blocks: number, migrateTypes }) => {
    const letters = typeLetters(migrateTypes);
    return `${number}*${PAGE_KB * 2 ** order}kB ${number > 0 ? `(${letters}) ` : ''}`;
  });
  return [`${nodePart(node, result)}${name}: ${blocks.join('')}= ${kb(buddyPages)}`];
}

function hugeLines({ hugePages = [] }: MemResult): string[] {
  return hugePages.map(
    ({ node, order, total, free, surplus }) =>
      `Node ${node} hugepages_total=${total} hugepages_free=${free} ` +
      `hugepages_surp=${surplus} hugepages_size=${kb(2 ** order)}`,
  );
}

function swapLines({ swap, nodes }: MemResult): string[] {
  if (swap === undefined) return [];
  return [
    ...counterLine(nodes, 'NR_SWAPCACHE', 'pages in swap cache'),
    `Free swap  = ${kb(swap.freePages)}`,
    `Total swap = ${kb(swap.totalPages)}`,
  ];
}

function sizeLines({ nodes, cmaPages, poisonedPages }: MemResult): string[] {
  const zones = nodes.flatMap((node) => node.zones);
  const sum = (of: (zone: ZoneState) => number | undefined): number =>
    zones.reduce((pages, zone) => pages + (of(zone) ?? NaN), 0);
  const present = sum(({ present: pages }) => pages);
  const managed = sum(({ managed: pages }) => pages);
  const line = (pages: number | undefined, words: string): string[] =>
    pages === undefined || Number.isNaN(pages) ? [] : [`${pages} pages ${words}`];
  return [
    ...line(present, 'RAM'),
    // Kernels of 64 bits have no high memory, whatever their zones are called.
    ...line(0, 'HighMem/MovableOnly'),
    ...line(present - managed, 'reserved'),
    ...line(cmaPages, 'cma reserved'),
    ...line(poisonedPages, 'hwpoisoned'),
  ];
}

function counterLine(nodes: readonly NodeState[], name: string, words: string): string[] {
  const pages = totalOf(nodes, [name]);
  return pages === undefined ? [] : [`${pages} ${words}`];
}

/** As the kernel keeps them for the whole machine: what is folded in of all nodes or zones. */
function totalOf(nodes: readonly NodeState[], names: readonly string[]): number | undefined {
  const sets = nodes.flatMap(({ counters, zones }) => [counters, ...zones.map((z) => z.counters)]);
  for (const name of names) {
    const values = sets.flatMap((counters) => counters[name]?.stored ?? []);
    if (values.length > 0) return shown(values.reduce((sum, value) => sum + value, 0));
  }
  return undefined;
}

function kilobytes(counters: ZoneState['counters'], list: readonly Word[]): string[] {
  return list.flatMap(([word, ...names]) => {
    const name = names.find((each) => counters[each] !== undefined);
    const pages = name === undefined ? undefined : counters[name]?.stored;
    return pages === undefined ? [] : pagesWord(word, shown(pages));
  });
}

/** A counter of kB. */
function plain(counters: ZoneState['counters'], word: string, name: string): string[] {
  const counter = counters[name];
  return counter === undefined ? [] : [`${word}:${shown(counter.stored)}kB`];
}

function pagesWord(word: string, pages: number | undefined): string[] {
  if (pages === undefined) return [];
  return [`${word}${word.endsWith(' ') ? '' : ':'}${kb(pages)}`];
}

/** zone_page_state(): a sum of what was folded in may have been below 0 for a moment. */
function shown(pages: number): number {
  return Math.max(pages, 0);
}

function kb(pages: number): string {
  return `${pages * PAGE_KB}kB`;
}

function yesNo(is: boolean): string {
  return is ? 'yes' : 'no';
}
