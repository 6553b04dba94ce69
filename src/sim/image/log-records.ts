// The kernel's log in memory before Linux 5.10 (kernel/printk/printk.c): records of any length, one
// behind the other.
//
//   log_buf[2^17]   struct printk_log, its text, padding to 4 bytes; … ; a header with len 0 where
//                   the next record did not fit: the log goes on at the start
//   log_first_idx   the oldest record that is still there       log_first_seq   its number
//   log_next_idx    where the next one goes                     log_next_seq

import { sizeOf, type TypeSource } from '../../types/ctype.ts';
import { vaddrAdd, type Vaddr } from '../../util/address.ts';
import { assert } from '../../util/assert.ts';
import type { KernelImage } from './kernel-image.ts';
import type { KernelMemory } from './kernel-memory.ts';
import type { LogFacts } from './machine-facts.ts';

/** CONFIG_LOG_BUF_SHIFT */
const BUFFER_SIZE = 2 ** 17;
/** LOG_ALIGN where unaligned words cost nothing. */
const ALIGN = 4;
/** LOG_PREFIX and LOG_NEWLINE: the message starts a line and ends it. */
const LOG_FLAGS = 4 | 2;

const VARIABLES: readonly (readonly [name: string, size: 4 | 8])[] = [
  ['log_buf', 8],
  ['log_buf_len', 4],
  ['log_first_seq', 8],
  ['log_first_idx', 4],
  ['log_next_seq', 8],
  ['log_next_idx', 4],
  ['clear_seq', 8],
  ['clear_idx', 4],
];

/** Gives the variables their symbols; all are `static`. */
export function defineLogRecords(image: KernelImage): void {
  for (const [name, size] of VARIABLES) {
    image.define(name, { section: 'data', size, align: size, local: true });
  }
  image.define('__log_buf', { section: 'bss', size: BUFFER_SIZE, align: 64, local: true });
}

/** Writes the records; the oldest are gone where they are more than the buffer holds. */
export function writeLogRecords(
  image: KernelImage,
  memory: KernelMemory,
  records: readonly LogFacts[],
): void {
  const buffer = image.symbol('__log_buf');
  const log = new RecordLog(headerSize(memory.types));
  for (const record of records) log.add(record);
  memory.physical.touch(image.paddrOf(buffer), BUFFER_SIZE);
  for (const { index, size, record } of log.entries) {
    writeRecord(memory, vaddrAdd(buffer, index), { size, record });
  }
  const values: Readonly<Record<string, bigint | number>> = {
    log_buf: buffer,
    log_buf_len: BUFFER_SIZE,
    log_first_seq: log.firstSeq,
    log_first_idx: log.firstIndex,
    log_next_seq: log.nextSeq,
    log_next_idx: log.nextIndex,
  };
  for (const [name, size] of VARIABLES) {
    memory.writeInteger(image.symbol(name), values[name] ?? 0, size);
  }
}

function writeRecord(
  memory: KernelMemory,
  at: Vaddr,
  { size, record }: { size: number; record: LogFacts },
): void {
  const text = new Uint8Array(Buffer.from(record.text, 'latin1'));
  memory.store('printk_log', at, {
    ts_nsec: Math.round(record.timeNs),
    len: size,
    text_len: text.length,
    flags: LOG_FLAGS,
    level: record.level,
  });
  memory.write(vaddrAdd(at, memory.struct('printk_log').size), text);
}

function headerSize(types: TypeSource): number {
  const header = types.find('struct', 'printk_log');
  assert(header?.kind === 'struct', `${types.origin} has no struct printk_log`);
  return sizeOf(header);
}

interface Entry {
  readonly index: number;
  /** In bytes, with header and padding. */
  readonly size: number;
  readonly record: LogFacts;
}

/** Where records lie once all of them were written, one after the other. */
class RecordLog {
  readonly entries: Entry[] = [];
  nextIndex = 0;
  nextSeq = 0;
  readonly #headerSize: number;

  constructor(headerSizeBytes: number) {
    this.#headerSize = headerSizeBytes;
  }

  get firstSeq(): number {
    return this.nextSeq - this.entries.length;
  }

  get firstIndex(): number {
    return this.entries[0]?.index ?? this.nextIndex;
  }

  /** log_store() */
  add(record: LogFacts): void {
    const size = Math.ceil((this.#headerSize + record.text.length) / ALIGN) * ALIGN;
    while (!this.#hasSpace(size)) this.entries.shift();
    // Only records that are still there are written to memory, so the header with len 0, which
    // the kernel writes where one did not fit, is there already.
    if (this.nextIndex + size + this.#headerSize > BUFFER_SIZE) this.nextIndex = 0;
    this.entries.push({ index: this.nextIndex, size, record });
    this.nextIndex += size;
    this.nextSeq++;
  }

  /** logbuf_has_space(): a header that says that the log wraps must fit, too. */
  #hasSpace(size: number): boolean {
    const isEmpty = this.entries.length === 0;
    const { firstIndex, nextIndex } = this;
    const free =
      nextIndex > firstIndex || isEmpty
        ? Math.max(BUFFER_SIZE - nextIndex, firstIndex)
        : firstIndex - nextIndex;
    return free >= size + this.#headerSize;
  }
}
