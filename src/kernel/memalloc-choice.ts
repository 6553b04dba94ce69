// Which version of the patch a kernel has, as far as the lines it prints go. The layout of the
// record says most; what it leaves open the kernel's own printk formats tell.

import type { Vmcore } from '../target/vmcore.ts';
import { latin1 } from '../util/byte-reader.ts';
import { InvalidError } from '../util/errors.ts';
import {
  formatOfStrings,
  formatsOfCounters,
  memallocFormat,
  newestFormat,
  type MemallocFormat,
} from './memalloc-format.ts';
import type { MemallocLayout } from './memalloc.ts';

/** A format and why it was taken; none where the kernel has no record. */
export interface FormatChoice {
  readonly format: MemallocFormat | undefined;
  readonly formatSource: string;
}

/**
 * The format that the caller names, else the dump's own, else the newest that its layout and its
 * counters allow.
 *
 * @throws InvalidError for a name that is no format's
 */
export function chooseFormat(
  vmcore: Vmcore,
  layout: MemallocLayout | undefined,
  wanted: string | undefined,
): FormatChoice {
  if (wanted !== undefined) {
    const format = memallocFormat(wanted);
    if (format === undefined) throw new InvalidError(`format ${wanted}: not a format of kmallocwd`);
    return { format, formatSource: 'chosen by the user' };
  }
  if (layout === undefined) return { format: undefined, formatSource: 'no record' };
  const own = formatOfStrings(layout.id, printkFormats(vmcore));
  if (own !== undefined) {
    return { format: own, formatSource: 'format string in the read-only data of this kernel' };
  }
  return choiceWithoutStrings(vmcore, layout);
}

/** v4 and its drafts have one layout, but not the same counters. */
function choiceWithoutStrings({ symbols }: Vmcore, { id }: MemallocLayout): FormatChoice {
  const fitting = formatsOfCounters(id, (name) => symbols.lookup(name) !== undefined);
  const newest = newestFormat(id);
  const format = fitting.at(-1) ?? newest;
  if (format === newest) return { format, formatSource: `newest format of layout ${id}` };
  const one = `the only format of layout ${id}`;
  const formatSource = `${fitting.length === 1 ? one : `newest format of layout ${id}`} with`;
  return { format, formatSource: `${formatSource} the counters of this kernel` };
}

/** 64 MiB is more than the read-only data of any kernel. */
const RODATA_MAX = 64 << 20;
/** Longer than every format. */
const STRING_MAX = 256;
const STRING_START = 'MemAlloc';

/** The strings between __start_rodata and __end_rodata that start with `MemAlloc`. */
function printkFormats(vmcore: Vmcore): Set<string> {
  const found = new Set<string>();
  const start = vmcore.symbols.lookup('__start_rodata');
  const end = vmcore.symbols.lookup('__end_rodata') ?? vmcore.symbols.lookup('__init_begin');
  if (start === undefined || end === undefined || end <= start) return found;
  const length = Math.min(Number(end - start), RODATA_MAX);
  for (const address of vmcore.findText({ start, length, text: STRING_START })) {
    // A string of printk starts with its level and ends with a newline; neither tells versions.
    const text = latin1(vmcore.readText(address, STRING_MAX, 'printk format'));
    found.add(text.split('\n', 1)[0] ?? '');
  }
  return found;
}
