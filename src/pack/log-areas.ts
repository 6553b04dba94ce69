// Where the kernel keeps its log, whole: users' words are in it, read or not.

import type { Vmcore } from '../target/index.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../util/address.ts';
import { VmcoreError } from '../util/errors.ts';
import { rangesOf, type Ranges } from '../util/ranges.ts';

/** A stretch of kernel memory. */
export interface LogArea {
  readonly address: Vaddr;
  readonly size: number;
}

/** A log of 32 MiB is the largest that a kernel can be told to have (LOG_BUF_LEN_MAX). */
const SIZE_BITS_MAX = 25;
const SIZE_MAX = 2 ** SIZE_BITS_MAX;

const PAGE_SIZE = 4096;

/** What says where the log lies and how far it goes, since 5.10, and from 3.5 to then. */
const VARIABLES = 'prb log_buf log_buf_len log_first_idx log_next_idx clear_idx clear_seq';

/** The words that lead to the log: there is nothing of users in them. */
export function logHeader(vmcore: Vmcore): LogArea[] {
  const words = VARIABLES.split(' ').flatMap((name) => vmcore.symbols.lookup(name) ?? []);
  const areas = words.map((address) => ({ address, size: 8 }));
  try {
    const { address } = vmcore.global('prb').deref();
    return [...areas, { address, size: vmcore.struct('printk_ringbuffer').size }];
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    return areas;
  }
}

/** The ring of 5.10 with its descriptors, or the buffer before; none where it is not found. */
export function logAreas(vmcore: Vmcore): LogArea[] {
  const isRing = vmcore.symbols.lookup('prb') !== undefined;
  try {
    return isRing ? ringAreas(vmcore) : bufferAreas(vmcore);
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    return [];
  }
}

function ringAreas(vmcore: Vmcore): LogArea[] {
  const prb = vmcore.global('prb').deref();
  const bits = (member: string): number => Math.min(prb.member(member).number(), SIZE_BITS_MAX);
  const count = 2 ** bits('desc_ring.count_bits');
  const area = (member: string, size: number): LogArea => ({
    address: prb.member(member).pointer(),
    size,
  });
  return [
    area('desc_ring.descs', vmcore.struct('prb_desc').size * count),
    area('desc_ring.infos', vmcore.struct('printk_info').size * count),
    area('text_data_ring.data', 2 ** bits('text_data_ring.size_bits')),
  ];
}

function bufferAreas(vmcore: Vmcore): LogArea[] {
  const size = vmcore.global('log_buf_len').number();
  return [{ address: vmcore.global('log_buf').pointer(), size: Math.min(size, SIZE_MAX) }];
}

/** The physical bytes of some kernel memory, as far as it is mapped. */
export function physicalRanges({ space }: Vmcore, areas: readonly LogArea[]): Ranges {
  const pieces: { start: number; end: number }[] = [];
  for (const { address, size } of areas) {
    for (let done = 0; done < size;) {
      const at = vaddrAdd(address, done);
      const length = Math.min(size - done, PAGE_SIZE - Number(at & BigInt(PAGE_SIZE - 1)));
      const paddr = space.findTranslation(vaddr(at));
      if (paddr !== undefined) pieces.push({ start: paddr, end: paddr + length });
      done += length;
    }
  }
  return rangesOf(pieces.sort((a, b) => a.start - b.start));
}
