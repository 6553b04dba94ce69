// The kernel's log in memory, as Linux 5.10 and later keep it (kernel/printk/printk_ringbuffer.c).
//
//   prb -> printk_rb_static
//            desc_ring        descs[2^12]  state in the top 2 bits of state_var, the id below
//                             infos[2^12]  seq, time, level, length of the text
//            text_data_ring   data[2^17]   per record: the id, then the text, in whole words
//
// Ids and positions only grow; where they lie in the arrays is what is left modulo the size. Both
// start one round below zero, so that they wrap early in the life of a machine. A record that finds
// no room pushes the oldest ones out.

import { sizeOf, type TypeSource } from '../../types/ctype.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { KernelImage } from './kernel-image.ts';
import type { KernelMemory } from './kernel-memory.ts';
import { defineLogRecords, writeLogRecords } from './log-records.ts';
import type { LogFacts } from './machine-facts.ts';

/** CONFIG_LOG_BUF_SHIFT, and PRB_AVGBITS: the log2 of the expected bytes of a record. */
const DATA_BITS = 17;
const DESC_BITS = DATA_BITS - 5;
const DATA_SIZE = 2 ** DATA_BITS;
const DESC_COUNT = 2 ** DESC_BITS;

/** enum desc_state, in the top bits of state_var. */
const DESC_FINALIZED = 2n << 62n;
const DESC_REUSABLE = 3n << 62n;
const DESC_ID_MASK = (1n << 62n) - 1n;
/** LOG_NEWLINE of printk_info.flags. */
const LOG_NEWLINE = 2;
const WORD = 8;
/** struct latched_seq: a seqcount, then u64 val[2]. No layout file has it. */
export const LATCHED_SEQ = { size: 24, valOffset: 8 } as const;

/** Gives the variables their symbols. */
export function defineLogBuffer(image: KernelImage, types: TypeSource): void {
  if (!hasRing(types)) return defineLogRecords(image);
  const size = sizesOf(types);
  const local = { local: true } as const;
  image.define('prb', { section: 'data', size: WORD, ...local });
  image.define('log_buf', { section: 'data', size: WORD, ...local });
  image.define('log_buf_len', { section: 'data', size: 4, align: 4, ...local });
  image.define('printk_rb_static', { section: 'data', size: size('printk_ringbuffer'), ...local });
  image.define('clear_seq', { section: 'data', size: LATCHED_SEQ.size, ...local });
  for (const [name, bytes] of arrays(size)) {
    image.define(name, { section: 'bss', size: bytes, align: 64, ...local });
  }
}

/** Linux 5.10 (896fbe20b4e2). */
function hasRing(types: TypeSource): boolean {
  return types.find('struct', 'printk_ringbuffer') !== undefined;
}

function sizesOf(types: TypeSource): (struct: string) => number {
  return (name) => {
    const type = types.find('struct', name);
    assert(type?.kind === 'struct', `${types.origin} has no struct ${name}`);
    return sizeOf(type);
  };
}

/** The arrays of the ring with their sizes. */
function arrays(size: (struct: string) => number): [name: string, bytes: number][] {
  return [
    ['_printk_rb_static_descs', DESC_COUNT * size('prb_desc')],
    ['_printk_rb_static_infos', DESC_COUNT * size('printk_info')],
    ['__log_buf', DATA_SIZE],
  ];
}

/** Writes the records; the oldest are gone where they are more than the buffer holds. */
export function writeLogBuffer(
  image: KernelImage,
  memory: KernelMemory,
  records: readonly LogFacts[],
): void {
  if (!hasRing(memory.types)) return writeLogRecords(image, memory, records);
  const ring = new Ring();
  for (const record of records) ring.add(record);
  for (const [name, bytes] of arrays(sizesOf(memory.types))) {
    memory.physical.touch(image.paddrOf(image.symbol(name)), bytes);
  }
  const ringAt = image.symbol('printk_rb_static');
  const data = image.symbol('__log_buf');
  memory.writeInteger(image.symbol('prb'), ringAt, 8);
  memory.writeInteger(image.symbol('log_buf'), data, 8);
  memory.writeInteger(image.symbol('log_buf_len'), DATA_SIZE, 4);
  memory.store('printk_ringbuffer', ringAt, {
    'desc_ring.count_bits': DESC_BITS,
    'desc_ring.descs': image.symbol('_printk_rb_static_descs'),
    'desc_ring.infos': image.symbol('_printk_rb_static_infos'),
    'desc_ring.head_id.counter': ring.headId,
    'desc_ring.tail_id.counter': ring.tailId,
    'desc_ring.last_finalized_id.counter': ring.headId,
    'text_data_ring.size_bits': DATA_BITS,
    'text_data_ring.data': data,
    'text_data_ring.head_lpos.counter': BigInt.asUintN(64, ring.headLpos),
    'text_data_ring.tail_lpos.counter': BigInt.asUintN(64, ring.tailLpos),
  });
  if (ring.entries.length === 0) writeFirstDescriptor(image, memory, ring.headId);
  for (const entry of ring.entries) writeEntry({ image, memory, data }, entry);
}

/**
 * head_id and tail_id of a ring that nobody has printed to lead to the last descriptor, which never
 * was a record: DESC0_ID() and DESC0_SV() of printk_ringbuffer.h.
 */
function writeFirstDescriptor(image: KernelImage, memory: KernelMemory, id: bigint): void {
  const index = DESC_COUNT - 1;
  const at = index * memory.struct('prb_desc').size;
  memory.store('prb_desc', vaddrAdd(image.symbol('_printk_rb_static_descs'), at), {
    'state_var.counter': DESC_REUSABLE | id,
  });
}

interface Entry {
  readonly id: bigint;
  readonly seq: number;
  readonly begin: bigint;
  readonly next: bigint;
  readonly record: LogFacts;
}

function writeEntry(
  { image, memory, data }: { image: KernelImage; memory: KernelMemory; data: Vaddr },
  { id, seq, begin, next, record }: Entry,
): void {
  const index = Number(id & BigInt(DESC_COUNT - 1));
  const at = (array: string, struct: string): Vaddr =>
    vaddrAdd(image.symbol(array), index * memory.struct(struct).size);
  memory.store('prb_desc', at('_printk_rb_static_descs', 'prb_desc'), {
    'state_var.counter': DESC_FINALIZED | id,
    'text_blk_lpos.begin': BigInt.asUintN(64, begin),
    'text_blk_lpos.next': BigInt.asUintN(64, next),
  });
  const text = new Uint8Array(Buffer.from(record.text, 'latin1'));
  memory.store('printk_info', at('_printk_rb_static_infos', 'printk_info'), {
    seq,
    ts_nsec: Math.round(record.timeNs),
    text_len: text.length,
    flags: LOG_NEWLINE,
    level: record.level,
    caller_id: record.callerPid,
  });
  const place = vaddr(data + BigInt.asUintN(DATA_BITS, begin));
  memory.writeInteger(place, id, 8);
  // A block that does not fit before the end of the array has its text at the start of it.
  const start = wraps(begin) === wraps(next) ? vaddrAdd(place, WORD) : vaddrAdd(data, WORD);
  memory.write(start, text);
}

function wraps(lpos: bigint): bigint {
  return lpos >> BigInt(DATA_BITS);
}

/** Where records lie once all of them were written, one after the other. */
class Ring {
  readonly entries: Entry[] = [];
  headLpos = -BigInt(DATA_SIZE);
  #nextId = BigInt.asUintN(64, -BigInt(DESC_COUNT)) & DESC_ID_MASK;
  #seq = 0;

  get headId(): bigint {
    return (this.#nextId - 1n) & DESC_ID_MASK;
  }

  get tailId(): bigint {
    return this.entries[0]?.id ?? this.headId;
  }

  get tailLpos(): bigint {
    return this.entries[0]?.begin ?? this.headLpos;
  }

  add(record: LogFacts): void {
    const size = BigInt(Math.ceil((WORD + record.text.length) / WORD) * WORD);
    const begin = this.headLpos;
    let next = begin + size;
    if (wraps(next) !== wraps(begin)) next = (wraps(next) << BigInt(DATA_BITS)) + size;
    const lowest = next - BigInt(DATA_SIZE);
    while (this.entries.length >= DESC_COUNT || this.tailLpos < lowest) this.entries.shift();
    this.entries.push({ id: this.#nextId, seq: this.#seq++, begin, next, record });
    this.headLpos = next;
    this.#nextId = (this.#nextId + 1n) & DESC_ID_MASK;
  }
}
