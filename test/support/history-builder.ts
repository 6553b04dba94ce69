// A history as triage reads it from a dump, made from lines of a log.

import { consoleLine } from '../../src/kernel/log-lines.ts';
import { memallocTimeline } from '../../src/kernel/memalloc-timeline.ts';
import type { LogHistory } from '../../src/triage/history.ts';

/** Lines as dmesg(1) prints them, with time stamps; the dump is taken `nowSeconds` after boot. */
export function historyOf(lines: readonly string[], nowSeconds: number): LogHistory {
  const read = lines.map(consoleLine);
  const from = read[0]?.timeUs;
  return {
    records: lines.length,
    lost: false,
    ...(from === undefined ? {} : { fromUs: from }),
    nowUs: nowSeconds * 1e6,
    timeline: memallocTimeline(read),
  };
}
