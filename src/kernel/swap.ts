// Swap (mm/swapfile.c): how much there is, how much is left, on which devices. Where none is left,
// anonymous memory cannot be reclaimed.

import type { Ref } from '../target/ref.ts';
import type { Vmcore } from '../target/vmcore.ts';
import { hex } from '../util/address.ts';
import { escapeText } from '../util/escape.ts';
import { optional } from '../util/optional.ts';
import { countOf } from './vmstat.ts';

/** One device or file; numbers are pages. */
export interface SwapDevice {
  /** `struct swap_info_struct *` */
  readonly address: string;
  /** Its number in swap_info[]. */
  readonly index: number;
  /** The last component of its path. */
  readonly name?: string;
  readonly pages: number;
  readonly usedPages: number;
  readonly priority: number;
  /** SWP_WRITEOK: pages may be swapped out to it. */
  readonly isWritable: boolean;
}

/** All of it; numbers are pages. */
export interface SwapState {
  /** total_swap_pages */
  readonly totalPages: number;
  /** nr_swap_pages: slots that are free. */
  readonly freePages: number;
  readonly devices: readonly SwapDevice[];
}

/** MAX_SWAPFILES_SHIFT (include/linux/swap.h) is 5. */
const DEVICES_MAX = 32;
const NAME_MAX = 255;
/** SWP_USED and SWP_WRITEOK: an enum since before 3.10, the bits have not moved. */
const SWP_USED = 1n << 0n;
const SWP_WRITEOK = 1n << 1n;

/** undefined where the kernel was built without CONFIG_SWAP. */
export function readSwap(vmcore: Vmcore): SwapState | undefined {
  const { problems, symbols } = vmcore;
  if (symbols.lookup('nr_swap_pages') === undefined) return undefined;
  return problems.attempt('swap', () => ({
    totalPages: countOf(vmcore.global('total_swap_pages')),
    freePages: countOf(vmcore.global('nr_swap_pages')),
    devices: swapDevices(vmcore),
  }));
}

function swapDevices(vmcore: Vmcore): SwapDevice[] {
  const { problems, symbols } = vmcore;
  if (symbols.lookup('nr_swapfiles') === undefined) return [];
  const count = problems.attempt('nr_swapfiles', () => vmcore.global('nr_swapfiles').number()) ?? 0;
  const table =
    count === 0 ? undefined : problems.attempt('swap_info', () => vmcore.global('swap_info'));
  if (table === undefined) return [];
  return Array.from({ length: Math.min(count, DEVICES_MAX) }, (_, i) => i).flatMap((index) => {
    return problems.attempt(`swap_info[${index}]`, () => device(vmcore, table, index)) ?? [];
  });
}

/** None for a number whose device was switched off: numbers are kept for the next one. */
function device(vmcore: Vmcore, table: Ref, index: number): SwapDevice[] {
  const info = table.at(index).deref();
  if (info.address === 0n) return [];
  const flags = info.member('flags').integer();
  if ((flags & SWP_USED) === 0n) return [];
  const name = vmcore.problems.attempt(`file of swap_info[${index}]`, () => fileName(vmcore, info));
  return [
    {
      address: hex(info.address),
      index,
      ...optional('name', name),
      pages: countOf(info.member('pages')),
      usedPages: countOf(info.member('inuse_pages')),
      priority: Number(info.member('prio').integer()),
      isWritable: (flags & SWP_WRITEOK) !== 0n,
    },
  ];
}

function fileName(vmcore: Vmcore, info: Ref): string | undefined {
  if (!info.has('swap_file')) return undefined;
  const file = info.member('swap_file').deref();
  if (file.address === 0n || !file.has('f_path.dentry')) return undefined;
  const dentry = file.member('f_path.dentry').deref();
  if (dentry.address === 0n || !dentry.has('d_name.name')) return undefined;
  const bytes = vmcore.readText(dentry.member('d_name.name').pointer(), NAME_MAX);
  return escapeText(bytes);
}
