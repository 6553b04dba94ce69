// The lockless ring of Linux 5.10 and later (kernel/printk/printk_ringbuffer.c, 896fbe20b4e2).
//
//   prb -> printk_ringbuffer
//            desc_ring        descs[2^count_bits]  state in the top 2 bits of state_var, id below
//                             infos[2^count_bits]  seq, ts_nsec, text_len, level, caller_id
//                             tail_id, head_id     the oldest and the newest descriptor
//            text_data_ring   data[2^size_bits]    per record: its id, then the text
//
// Ids and positions grow and wrap as unsigned long; what is left modulo the size is where they lie.
// CPUs may have been in the midst of anything when the dump was taken, so nothing is believed that
// is not confirmed: a descriptor by its id, a data block by the id at its start.

import type { Vmcore } from '../target/vmcore.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../util/address.ts';
import { InvalidError, VmcoreError } from '../util/errors.ts';
import { elementAt, viewOf, wordAt, type PrintkLayout } from './printk-layout.ts';
import { addLost, levelOf, microseconds, OVERWRITTEN } from './printk-record.ts';
import type { KernelLog, LogRecord, LostRecords } from './printk-record.ts';

/** enum desc_state, the top two bits of state_var. */
const RESERVED = 0;
const COMMITTED = 1;
const FINALIZED = 2;
const ID_MASK = (1n << 62n) - 1n;
/** Of begin and next, where the record has no block; FAILED_LPOS says that there was no room. */
const FAILED_LPOS = 1n;
const WORD = 8;
/** log_buf_len is an u32, and a descriptor goes with 32 bytes of text. */
const COUNT_BITS_MAX = 27;
const SIZE_BITS_MAX = 32;
/** Set in caller_id where it is a CPU (printk_caller_id(), kernel/printk/printk.c). */
const CALLER_IS_CPU = 0x80000000;

interface Ring {
  readonly vmcore: Vmcore;
  readonly countBits: number;
  readonly descs: Vaddr;
  readonly infos: Vaddr;
  readonly tailId: bigint;
  readonly headId: bigint;
  readonly sizeBits: number;
  readonly data: Vaddr;
  readonly desc: { readonly size: number; readonly state: number; readonly block: number };
  readonly block: { readonly begin: number; readonly next: number };
  readonly info: InfoLayout;
}

interface InfoLayout {
  readonly size: number;
  readonly seq: number;
  readonly time: number;
  readonly textLength: number;
  /** Of the byte with flags and level; absent where not told. */
  readonly level: number | undefined;
  readonly facility: number | undefined;
  readonly caller: number | undefined;
}

/**
 * Reads the ring that `prb` points to: all records that are whole, and what is lost.
 *
 * @throws VmcoreError if the ring itself cannot be read
 */
export function readPrintkRing(vmcore: Vmcore, layout: PrintkLayout, prb: Vaddr): KernelLog {
  const ring = openRing(vmcore, layout, vaddr(wordAt(vmcore, prb)));
  const records: LogRecord[] = [];
  const lost: LostRecords[] = [];
  const size = 1n << BigInt(ring.countBits);
  const span = ((ring.headId - ring.tailId) & ID_MASK) + 1n;
  if (span > size) lost.push({ why: 'tail_id is no descriptor of the ring' });
  const first = span > size ? ring.headId - size + 1n : ring.tailId;
  const count = Number(span > size ? size : span);
  let seqNext: number | undefined;
  for (let i = 0; i < count; i++) {
    const id = (first + BigInt(i)) & ID_MASK;
    const read = readDescriptor(ring, id);
    if (typeof read !== 'string') {
      if (records.length === 0) lost.unshift(...overwritten(read.seq, lost));
      records.push(read);
      seqNext = (read.seq ?? 0) + 1;
    } else {
      // At the tail such descriptors are records that made room; the very first was never one.
      if (read !== REUSABLE || records.length > 0) addLost(lost, seqNext, read);
      if (seqNext !== undefined) seqNext++;
    }
  }
  return { kind: 'ring', records, lost };
}

/** What was printed before the oldest record that is there, but for what the walk has named. */
function overwritten(seq: number | undefined, lost: readonly LostRecords[]): LostRecords[] {
  const count = (seq ?? 0) - lost.reduce((sum, each) => sum + (each.count ?? 0), 0);
  return count > 0 ? [{ seq: 0, count, why: OVERWRITTEN }] : [];
}

function openRing(vmcore: Vmcore, layout: PrintkLayout, at: Vaddr): Ring {
  const descRing = vaddrAdd(at, layout.offset('printk_ringbuffer', 'desc_ring'));
  const dataRing = vaddrAdd(at, layout.offset('printk_ringbuffer', 'text_data_ring'));
  const inDescs = (member: string): Vaddr =>
    vaddrAdd(descRing, layout.offset('prb_desc_ring', member));
  const inData = (member: string): Vaddr =>
    vaddrAdd(dataRing, layout.offset('prb_data_ring', member));
  return {
    vmcore,
    countBits: bits(vmcore, inDescs('count_bits'), COUNT_BITS_MAX),
    descs: vaddr(wordAt(vmcore, inDescs('descs'))),
    infos: vaddr(wordAt(vmcore, inDescs('infos'))),
    tailId: wordAt(vmcore, inDescs('tail_id')) & ID_MASK,
    headId: wordAt(vmcore, inDescs('head_id')) & ID_MASK,
    sizeBits: bits(vmcore, inData('size_bits'), SIZE_BITS_MAX),
    data: vaddr(wordAt(vmcore, inData('data'))),
    desc: {
      size: layout.size('prb_desc'),
      state: layout.offset('prb_desc', 'state_var'),
      block: layout.offset('prb_desc', 'text_blk_lpos'),
    },
    block: {
      begin: layout.offset('prb_data_blk_lpos', 'begin'),
      next: layout.offset('prb_data_blk_lpos', 'next'),
    },
    info: infoLayout(layout),
  };
}

/** @throws InvalidError for what is no size of a ring */
function bits(vmcore: Vmcore, at: Vaddr, max: number): number {
  const value = viewOf(vmcore.readBytes(at, 4, 'log')).getUint32(0, true);
  if (value > 0 && value <= max) return value;
  throw new InvalidError(`printk ring: expected a size of 1 to ${max} bits, have ${value}`);
}

/** VMCOREINFO leaves out what is between text_len and caller_id: u8 facility, flags:5, level:3. */
function infoLayout(layout: PrintkLayout): InfoLayout {
  const textLength = layout.offset('printk_info', 'text_len');
  const caller = layout.findOffset('printk_info', 'caller_id');
  const packed = caller === textLength + 4;
  return {
    size: layout.size('printk_info'),
    seq: layout.offset('printk_info', 'seq'),
    time: layout.offset('printk_info', 'ts_nsec'),
    textLength,
    facility: layout.findOffset('printk_info', 'facility') ?? (packed ? textLength + 2 : undefined),
    level: layout.findOffset('printk_info', 'level') ?? (packed ? textLength + 3 : undefined),
    caller,
  };
}

/** desc_reusable, in words. */
const REUSABLE = 'being overwritten when the dump was taken';

/** A record; why there is none, in words. */
function readDescriptor(ring: Ring, id: bigint): LogRecord | string {
  const { vmcore, desc, block } = ring;
  const index = Number(id & ((1n << BigInt(ring.countBits)) - 1n));
  try {
    const bytes = vmcore.readBytes(elementAt(ring.descs, index, desc.size), desc.size, 'log');
    const view = viewOf(bytes);
    const word = view.getBigUint64(desc.state, true);
    const state = Number(word >> 62n);
    if ((word & ID_MASK) !== id) return 'their descriptors were taken for other records';
    if (state === RESERVED) return 'still being written when the dump was taken';
    if (state !== COMMITTED && state !== FINALIZED) return REUSABLE;
    const begin = view.getBigUint64(desc.block + block.begin, true);
    const next = view.getBigUint64(desc.block + block.next, true);
    return readInfo(ring, { id, index, begin, next });
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    vmcore.problems.add('printk ring', error);
    return 'not readable in this dump';
  }
}

interface Descriptor {
  readonly id: bigint;
  readonly index: number;
  readonly begin: bigint;
  readonly next: bigint;
}

function readInfo(ring: Ring, descriptor: Descriptor): LogRecord {
  const { vmcore, info } = ring;
  const at = elementAt(ring.infos, descriptor.index, info.size);
  const view = viewOf(vmcore.readBytes(at, info.size, 'log'));
  const caller = info.caller === undefined ? undefined : view.getUint32(info.caller, true);
  const text = readText(ring, descriptor, view.getUint16(info.textLength, true));
  return {
    seq: Number(view.getBigUint64(info.seq, true)),
    timeUs: microseconds(view.getBigUint64(info.time, true)),
    ...(info.level === undefined ? {} : { level: levelOf(view.getUint8(info.level)) }),
    ...(info.facility === undefined ? {} : { facility: view.getUint8(info.facility) }),
    ...(caller === undefined ? {} : callerOf(caller)),
    ...text,
  };
}

function callerOf(id: number): Pick<LogRecord, 'callerPid' | 'callerCpu'> {
  return id >= CALLER_IS_CPU ? { callerCpu: id - CALLER_IS_CPU } : { callerPid: id };
}

/** get_data(): where a block lies, and whether it is still this record's. */
function readText(
  ring: Ring,
  { id, begin, next }: Descriptor,
  length: number,
): Pick<LogRecord, 'bytes' | 'damage'> {
  const none = new Uint8Array(0);
  if ((begin & 1n) === 1n && (next & 1n) === 1n) {
    // NO_LPOS: an empty line.
    return begin === FAILED_LPOS ? { bytes: none, damage: 'there was no room' } : { bytes: none };
  }
  const { vmcore, data } = ring;
  const place = blockPlace(ring.sizeBits, begin, next);
  if (place === undefined) return { bytes: none, damage: 'its place is not in the ring' };
  if (place.first + WORD > 2 ** ring.sizeBits) return { bytes: none, damage: 'past the end' };
  try {
    if (wordAt(vmcore, vaddrAdd(data, place.first)) !== id) {
      return { bytes: none, damage: 'overwritten' };
    }
    const size = Math.min(length, place.size);
    const bytes = vmcore.readBytes(vaddrAdd(data, place.text), size, 'log');
    return size < length ? { bytes, damage: `${length - size} bytes cut off` } : { bytes };
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    vmcore.problems.add('text of the printk ring', error);
    return { bytes: none, damage: 'not readable in this dump' };
  }
}

/** A block that does not fit before the end of the array has its text at the start of it. */
function blockPlace(
  sizeBits: number,
  begin: bigint,
  next: bigint,
): { first: number; text: number; size: number } | undefined {
  const shift = BigInt(sizeBits);
  const size = 2 ** sizeBits;
  const first = Number(BigInt.asUintN(sizeBits, begin));
  const end = Number(BigInt.asUintN(sizeBits, next));
  const isWrapped = begin >> shift !== next >> shift;
  if (isWrapped && BigInt.asUintN(64, begin + (1n << shift)) >> shift !== next >> shift) {
    return undefined;
  }
  // A block may end where the array ends; a wrapped one has at least its id at the start.
  const place =
    isWrapped && end > 0
      ? { first, text: WORD, size: end - WORD }
      : { first, text: first + WORD, size: (isWrapped ? size : end) - first - WORD };
  return place.size < 0 ? undefined : place;
}
