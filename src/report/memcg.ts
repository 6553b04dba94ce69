// A memory cgroup in OOM with its limits, as text.

import type { MemcgOom } from '../kernel/memcg-oom.ts';
import { PAGE_KB } from '../kernel/memory-users.ts';
import type { PageCounterState } from '../kernel/page-counter.ts';

/** A line for the cgroup and one for each thing that is limited. */
export function memcgLines(memcg: MemcgOom): string[] {
  const { address, path, underOom, oomLock, killDisabled, memory, swap } = memcg;
  const signs = [
    ...(underOom === undefined ? [] : [`under_oom ${underOom}`]),
    ...(oomLock === true ? ['somebody is killing in it or above it'] : []),
    ...(killDisabled === true ? ['its OOM killer is switched off'] : []),
  ];
  return [
    `${path ?? address}: ${signs.join(', ')}`,
    ...counterLine('memory', memory),
    ...counterLine('swap', swap),
  ];
}

function counterLine(name: string, counter: PageCounterState | undefined): string[] {
  if (counter === undefined) return [];
  const { usagePages, maxPages, highPages, failures } = counter;
  const marks = [
    `max ${limitText(maxPages)}`,
    ...(highPages === undefined ? [] : [`high ${limitText(highPages)}`]),
    ...(failures === undefined ? [] : [`${failures} charges failed`]),
  ];
  return [`  ${name}: ${usagePages * PAGE_KB} kB, ${marks.join(', ')}`];
}

function limitText(pages: number | 'max'): string {
  return pages === 'max' ? 'none' : `${pages * PAGE_KB} kB`;
}
