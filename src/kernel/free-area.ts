// The free lists of a zone (zone->free_area[], mm/page_alloc.c): how many blocks of each order are
// free, and of which migrate types. A zone may have enough pages and none of the order asked for.

import type { Ref } from '../target/ref.ts';
import type { Vmcore } from '../target/vmcore.ts';

/** The free blocks of one order. */
export interface FreeArea {
  /** log2 of the pages of a block. */
  readonly order: number;
  /** nr_free */
  readonly blocks: number;
  /** Migrate types that have any: `UNMOVABLE`, `MOVABLE`. */
  readonly migrateTypes: readonly string[];
}

/** MAX_ORDER is 11 by default and at most 64 anywhere. */
const ORDERS_MAX = 64;
/** MIGRATE_TYPES is 7 at most, with CMA and isolation. */
const TYPES_MAX = 16;

/** free_area[] of a `struct zone`, the smallest order first. */
export function readFreeAreas(zone: Ref, typeNames: readonly string[]): FreeArea[] {
  const areas = zone.member('free_area');
  const count = areas.type.kind === 'array' ? Math.min(areas.type.count, ORDERS_MAX) : 0;
  return Array.from({ length: count }, (_, order) => {
    const area = areas.at(order);
    return {
      order,
      blocks: Number(area.member('nr_free').integer()),
      migrateTypes: migrateTypes(area, typeNames),
    };
  });
}

/** Pages of all blocks. */
export function pagesOfAreas(areas: readonly FreeArea[]): number {
  return areas.reduce((sum, { order, blocks }) => sum + blocks * 2 ** order, 0);
}

/** Of enum migratetype, which had no name of its own up to Linux 4.5. */
const TYPE_NAMES = 'UNMOVABLE MOVABLE RECLAIMABLE RESERVE HIGHATOMIC CMA ISOLATE'.split(' ');

/** The migrate types of this kernel by number, without `MIGRATE_`. */
export function migrateTypeNames({ types }: Vmcore): string[] {
  const names: string[] = [];
  for (const name of TYPE_NAMES) {
    const value = types.findEnumerator(`MIGRATE_${name}`);
    if (value !== undefined && value >= 0n && value < TYPES_MAX) names[Number(value)] = name;
  }
  return names;
}

function migrateTypes(area: Ref, names: readonly string[]): string[] {
  const lists = area.member('free_list');
  const count = lists.type.kind === 'array' ? Math.min(lists.type.count, TYPES_MAX) : 0;
  return Array.from({ length: count }, (_, index) => index).flatMap((index) => {
    const list = lists.at(index);
    const isEmpty = list.member('next').pointer() === list.address;
    return isEmpty ? [] : [names[index] ?? String(index)];
  });
}
