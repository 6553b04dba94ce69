// What pages that are being written can do for those who wait: each can be freed once it is on the
// disk (end_page_writeback(), mm/filemap.c).

import { count } from '../util/count.ts';
import { isRequesting, type Facts } from './facts.ts';

/**
 * - `none`: nothing is being written, as on a machine that has stood still for long
 * - `too little`: fewer pages than lift a zone that is short over its min watermark and serve those
 *   who wait; a page or two are being written on almost any machine
 * - `enough`: they may end it; or memory is not short, or how short is not known
 */
export type Relief = 'none' | 'too little' | 'enough';

/** The relief to come; undefined where it could not be read how many pages are being written. */
export function reliefOf({ writeback, zones, tasks }: Facts): Relief | undefined {
  if (writeback === undefined) return undefined;
  if (writeback === 0) return 'none';
  const short = (zones ?? []).filter(({ free, min }) => free <= min);
  const waiting = tasks.filter(isRequesting).length;
  const isLifted = short.some(
    ({ free, freeNotAdded, min }) => free + freeNotAdded + writeback > min + waiting,
  );
  return short.length === 0 || isLifted ? 'enough' : 'too little';
}

/** What it says against a machine that stands still for good. */
export function reliefText(facts: Facts): string[] {
  const { writeback = 0 } = facts;
  switch (reliefOf(facts)) {
    case 'enough':
      return [`${count(writeback, 'page')} being written can be freed when the disk is done`];
    case 'too little':
      return [`${count(writeback, 'page')} being written can be freed then, too few to end this`];
    default:
      return [];
  }
}
