// The state of memory for people: which zones are below their marks and what holds the memory
// first, then the tables that this rests on. Sizes are kB as in the kernel's own lines.

import type { MemResult, ZonePressure } from '../kernel/mem.ts';
import { largestUses, PAGE_KB, type MemoryUses } from '../kernel/memory-users.ts';
import { KSWAPD_FAILURES_MAX, lruScopes, type ZoneState } from '../kernel/mmzone.ts';
import type { PageCounters } from '../kernel/vmstat.ts';
import { count, percent } from '../util/count.ts';
import { memcgLines } from './memcg.ts';
import { typeLetters } from './show-mem.ts';
import { columnText, type Column, type Table } from './table.ts';
import { ABSENT } from './tasks.ts';
import { wrapWords } from './wrap.ts';

/** Slab caches that are listed. */
const CACHES_SHOWN = 10;

const BLOCKS =
  'Free blocks by order (U unmovable, M movable, E reclaimable, H high atomic, C CMA):';
const NONE_BELOW = 'No zone is below its min watermark.';
/** Columns that events are broken into. */
const EVENTS_WIDTH = 96;

/** All of it. */
export function memText(result: MemResult): string {
  return [
    ...pressureLines(result),
    largestLine(result.uses),
    ...kswapdLines(result),
    ...part('Zones (kB):', lines(zoneTable(result))),
    ...part('What holds the memory:', lines(usesTable(result.uses))),
    ...part('LRU lists and writing (kB):', lines(lruTable(result))),
    ...part(BLOCKS, lines(blocksTable(result))),
    ...part('Counters that CPUs have not folded in (pages):', staleLines(result)),
    ...part('Memory cgroups in OOM:', (result.memcgs ?? []).flatMap(memcgLines)),
    ...part(`Slab caches, the largest ${CACHES_SHOWN}:`, lines(slabTable(result))),
    ...part('Swap and huge pages:', swapLines(result)),
    ...part('Events since boot:', eventLines(result)),
  ]
    .map((line) => `${line}\n`)
    .join('');
}

/** Nothing where there is nothing to say. */
function part(heading: string, body: readonly string[]): string[] {
  return body.length === 0 ? [] : ['', heading, ...body.map((line) => `  ${line}`.trimEnd())];
}

function lines(table: Table): string[] {
  return table.rows.length === 0 ? [] : columnText(table).trimEnd().split('\n');
}

function pressureLines({ pressure, nodes }: MemResult): string[] {
  const found = nodes.flatMap(({ node, zones }) =>
    zones.flatMap((zone) => {
      const own = pressure.find((each) => each.node === node && each.zone === zone.name);
      return own === undefined ? [] : [...levelLines(own, zone)];
    }),
  );
  const isShort = pressure.some(
    ({ level, storedLevel }) => level === 'below min' || storedLevel === 'below min',
  );
  if (isShort) return found;
  if (found.length > 0) return [NONE_BELOW, ...found];
  if (pressure.length === 0) return ['No zone could be held against its watermarks.'];
  return [NONE_BELOW];
}

function* levelLines(own: ZonePressure, zone: ZoneState): Generator<string> {
  const { level, storedLevel, levelForHigher } = own;
  const free = zone.counters.NR_FREE_PAGES;
  const name = `Zone ${own.zone} of node ${own.node}`;
  if (free === undefined) return;
  if (level === 'below min') {
    const boost = zone.watermarks?.boost ?? 0;
    const min = (zone.watermarks?.min ?? 0) + boost;
    const of = boost === 0 ? '' : ` (${kb(boost)} kB of it a boost)`;
    const is = free.value === min ? 'at' : 'below';
    yield `${name} is ${is} min: ${kb(free.value)} kB free, min ${kb(min)} kB${of}.`;
  }
  if (storedLevel !== undefined) {
    yield (
      `${name} is ${level}, and the allocator takes it to be ${storedLevel}: its counter says ` +
      `${kb(free.stored)} kB free (${count(free.stored, 'page')}), CPUs have ` +
      `${kb(free.cpuDiff)} kB that were not folded in.`
    );
  }
  if (levelForHigher === 'below min') {
    const reserve = Math.max(0, ...(zone.lowmemReserve ?? []));
    yield (
      `${name} is ${level}, but ${kb(reserve)} kB of its ${kb(free.value)} kB free are kept ` +
      `for requests that no higher zone can serve: for all others it is below min.`
    );
  }
}

function largestLine(held: MemoryUses): string {
  const { managedPages } = held;
  const shares = largestUses(held).map(
    ({ name, pages }) => `${name} ${share(pages, managedPages)}`,
  );
  return `Of ${kb(managedPages)} kB: ${shares.join(', ')}.`;
}

function kswapdLines({ nodes }: MemResult): string[] {
  return nodes.flatMap(({ node, kswapdFailures = 0 }) =>
    kswapdFailures < KSWAPD_FAILURES_MAX
      ? []
      : [`kswapd of node ${node} has given up: ${kswapdFailures} runs in a row reclaimed nothing.`],
  );
}

function zoneTable({ nodes, pressure }: MemResult): Table {
  const columns = headed('ZONE', [
    ...['FREE', 'NOT FOLDED', 'MIN', 'LOW', 'HIGH', 'BOOST', 'RESERVE', 'HIGHATOMIC'],
    ...['ON CPUS', 'MANAGED', 'PRESENT'],
  ]);
  const rows = nodes.flatMap(({ node, zones }) =>
    zones.map((zone) => {
      const { watermarks, lowmemReserve, counters } = zone;
      const level = pressure.find((own) => own.node === node && own.zone === zone.name)?.level;
      return [
        `${node} ${zone.name}`,
        ...[counters.NR_FREE_PAGES?.value, counters.NR_FREE_PAGES?.cpuDiff].map(cell),
        ...[watermarks?.min, watermarks?.low, watermarks?.high, watermarks?.boost].map(cell),
        cell(lowmemReserve === undefined ? undefined : Math.max(0, ...lowmemReserve)),
        ...[zone.reservedHighatomic, zone.perCpuPages, zone.managed, zone.present].map(cell),
        `${level ?? ABSENT}${(zone.flags ?? []).map((flag) => ` ${flag}`).join('')}`,
      ];
    }),
  );
  return { columns: [...columns, { title: 'STATE', align: 'left' }], rows };
}

function usesTable({ uses, managedPages, restPages }: MemoryUses): Table {
  const name =
    (restPages ?? 0) < 0 ? 'in more than one counter' : 'in no counter (vmalloc, drivers)';
  const rest = restPages === undefined ? [] : [{ name, pages: restPages }];
  return {
    columns: headed('USE', ['kB', '%']),
    rows: [...uses, ...rest].map(({ name: use, pages }) => [
      use,
      kb(pages),
      share(pages, managedPages),
    ]),
  };
}

/** Title and counter. */
const LRU_COLUMNS: readonly (readonly [title: string, counter: string])[] = [
  ['ACT ANON', 'NR_ACTIVE_ANON'],
  ['INACT ANON', 'NR_INACTIVE_ANON'],
  ['ISOL ANON', 'NR_ISOLATED_ANON'],
  ['ACT FILE', 'NR_ACTIVE_FILE'],
  ['INACT FILE', 'NR_INACTIVE_FILE'],
  ['ISOL FILE', 'NR_ISOLATED_FILE'],
  ['UNEVICTABLE', 'NR_UNEVICTABLE'],
  ['DIRTY', 'NR_FILE_DIRTY'],
  ['WRITEBACK', 'NR_WRITEBACK'],
];

function lruTable({ nodes }: MemResult): Table {
  const scopes = lruScopes({ type: 'zones', nodes });
  return {
    columns: headed(
      'OF',
      LRU_COLUMNS.map(([title]) => title),
    ),
    rows: scopes.map(({ name, counters }) => [
      name,
      ...LRU_COLUMNS.map(([, counter]) => cell(counters[counter]?.value)),
    ]),
  };
}

function blocksTable({ nodes }: MemResult): Table {
  const zones = nodes.flatMap(({ node, zones: all }) =>
    all.flatMap(({ name, freeAreas }) =>
      freeAreas === undefined ? [] : [{ name: `${node} ${name}`, freeAreas }],
    ),
  );
  const orders = Math.max(0, ...zones.map(({ freeAreas }) => freeAreas.length));
  return {
    columns: headed(
      'ZONE',
      Array.from({ length: orders }, (_, order) => String(order)),
    ),
    rows: zones.map(({ name, freeAreas }) => [
      name,
      ...freeAreas.map(({ blocks, migrateTypes }) => {
        return blocks === 0 ? '0' : `${blocks}${typeLetters(migrateTypes)}`;
      }),
    ]),
  };
}

/** What a decision hangs on: free pages, lists, isolated pages, writing. */
const STALE = new Set(['NR_FREE_PAGES', ...LRU_COLUMNS.map(([, counter]) => counter)]);

function staleLines({ nodes }: MemResult): string[] {
  return nodes.flatMap(({ node, counters, zones }) => [
    ...staleOf(`node ${node}`, counters),
    ...zones.flatMap((zone) => [
      ...staleOf(`zone ${zone.name} of node ${node}`, zone.counters).map((line) => {
        const cpus = zone.freeDiffs.map(({ cpu, diff }) => `CPU ${cpu} ${signed(diff)}`);
        return line.includes(' NR_FREE_PAGES ') ? `${line} (${cpus.join(', ')})` : line;
      }),
      ...listLines(node, zone),
    ]),
  ]);
}

/** Where it differs by what nobody has in hand, the counter or the lists are wrong. */
function listLines(node: number, { name, buddyPages, counters }: ZoneState): string[] {
  const counted = counters.NR_FREE_PAGES?.value;
  if (buddyPages === undefined || counted === undefined || buddyPages === counted) return [];
  return [`zone ${name} of node ${node}: the free lists have ${buddyPages} pages, not ${counted}`];
}

function staleOf(name: string, counters: PageCounters): string[] {
  return Object.entries(counters).flatMap(([counter, { value, stored, cpuDiff }]) =>
    cpuDiff === 0 || !STALE.has(counter)
      ? []
      : [`${name}: ${counter} ${value}, the kernel sees ${stored}, CPUs have ${signed(cpuDiff)}`],
  );
}

function slabTable({ slabCaches = [] }: MemResult): Table {
  const columns = headed('CACHE', ['kB', 'OBJECTS', 'IN USE', 'SIZE']);
  const counted = slabCaches.filter(({ pages }) => pages !== undefined && pages > 0);
  return {
    columns: [...columns, { title: '', align: 'left' }],
    rows: counted
      .slice(0, CACHES_SHOWN)
      .map((cache) => [
        cache.name,
        `${cache.isPagesBound === true ? '<=' : ''}${cell(cache.pages)}`,
        String(cache.objects ?? ABSENT),
        String(cache.activeObjects ?? ABSENT),
        String(cache.objectSize),
        cache.isReclaimable ? 'reclaimable' : '',
      ]),
  };
}

function swapLines({ swap, hugePages = [] }: MemResult): string[] {
  const pools = hugePages.filter(({ total }) => total > 0);
  return [
    ...(swap === undefined
      ? ['no swap was found in this kernel']
      : swap.totalPages === 0
        ? ['no swap is in use']
        : [`${kb(swap.freePages)} kB free of ${kb(swap.totalPages)} kB of swap`]),
    ...(swap?.devices ?? []).map(
      ({ index, name, pages, usedPages, priority }) =>
        `swap ${index} ${name ?? ABSENT}: ${kb(usedPages)} kB used of ${kb(pages)} kB, ` +
        `priority ${priority}`,
    ),
    ...pools.map(
      ({ node, order, total, free, surplus }) =>
        `node ${node}: ${count(total, 'huge page')} of ${kb(2 ** order)} kB, ${free} free, ` +
        `${surplus} surplus`,
    ),
  ];
}

/** By the names of enum vm_event_item, without those that never happened. */
function eventLines({ events }: MemResult): string[] {
  const seen = Object.entries(events ?? {}).filter(([, times]) => times !== 0);
  if (seen.length === 0) return [];
  // A name and its number stay on one line.
  const text = seen.map(([name, times]) => `${name.toLowerCase()}\u00a0${times}`).join(', ');
  return wrapWords(text, EVENTS_WIDTH).map((line) => line.replaceAll('\u00a0', ' '));
}

function headed(first: string, titles: readonly string[]): Column[] {
  return [
    { title: first, align: 'left' },
    ...titles.map((title): Column => ({ title, align: 'right' })),
  ];
}

function cell(pages: number | undefined): string {
  return pages === undefined ? ABSENT : kb(pages);
}

function kb(pages: number): string {
  return String(pages * PAGE_KB);
}

function signed(pages: number): string {
  return pages > 0 ? `+${pages}` : String(pages);
}

function share(pages: number, of: number): string {
  return of === 0 ? ABSENT : percent(pages, of);
}
