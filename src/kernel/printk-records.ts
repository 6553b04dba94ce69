// The log from Linux 3.5 to 5.9 (kernel/printk/printk.c, 7ff9554bb578): records of any length, one
// behind the other in a ring of bytes.
//
//   log_buf[log_buf_len]   struct printk_log (struct log before 3.11), its text, a dictionary, up
//                          to 4 or 8 bytes of padding; len 0 says that the log goes on at the start
//   log_first_idx          the oldest record          log_next_idx   where the next one goes
//   log_first_seq          its number                 log_next_seq

import type { Vmcore } from '../target/vmcore.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../util/address.ts';
import { InvalidError, VmcoreError } from '../util/errors.ts';
import { viewOf, type PrintkLayout } from './printk-layout.ts';
import { levelOf, microseconds, OVERWRITTEN } from './printk-record.ts';
import type { KernelLog, LogRecord, LostRecords } from './printk-record.ts';

/** log_buf_len is an u32, of which the kernel takes 2 GiB at most. */
export const LOG_SIZE_MAX = 2 ** 31;

interface RecordLog {
  readonly vmcore: Vmcore;
  readonly buffer: Vaddr;
  readonly size: number;
  readonly nextIndex: number;
  readonly header: HeaderLayout;
}

interface HeaderLayout {
  readonly size: number;
  readonly time: number;
  readonly length: number;
  readonly textLength: number;
  readonly dictLength: number;
  readonly facility: number | undefined;
  readonly level: number | undefined;
}

/** @throws VmcoreError if the variables of the log cannot be read */
export function readPrintkRecords(vmcore: Vmcore, layout: PrintkLayout): KernelLog {
  const log: RecordLog = {
    ...logBuffer(vmcore, layout),
    nextIndex: Number(layout.variable('log_next_idx', 4) ?? 0n),
    header: headerLayout(layout),
  };
  const firstIndex = Number(layout.variable('log_first_idx', 4) ?? 0n);
  const firstSeq = layout.variable('log_first_seq', 8);
  const nextSeq = layout.variable('log_next_seq', 8);
  const { records, broken } = walk(log, firstIndex, firstSeq);
  const lost: LostRecords[] = [];
  if (firstSeq !== undefined && firstSeq > 0n) {
    lost.push({ seq: 0, count: Number(firstSeq), why: OVERWRITTEN });
  }
  if (broken !== undefined) {
    const seq = firstSeq === undefined ? undefined : Number(firstSeq) + records.length;
    const count = seq === undefined || nextSeq === undefined ? undefined : Number(nextSeq) - seq;
    lost.push({
      ...(seq === undefined ? {} : { seq }),
      ...(count === undefined || count < 0 ? {} : { count }),
      why: broken,
    });
  }
  return { kind: 'records', records, lost };
}

/**
 * log_buf and log_buf_len.
 *
 * @throws VmcoreError where there are none, or the size is no log's
 */
export function logBuffer(
  vmcore: Vmcore,
  layout: PrintkLayout,
): { vmcore: Vmcore; buffer: Vaddr; size: number } {
  const buffer = layout.variable('log_buf', 8);
  const size = Number(layout.variable('log_buf_len', 4) ?? 0n);
  if (buffer === undefined || size === 0 || size > LOG_SIZE_MAX) {
    throw new InvalidError(`log_buf: expected a buffer of up to ${LOG_SIZE_MAX}, have ${size}`);
  }
  return { vmcore, buffer: vaddr(buffer), size };
}

/** VMCOREINFO leaves out facility and level, the bytes behind dict_len since struct printk_log. */
function headerLayout(layout: PrintkLayout): HeaderLayout {
  const struct = layout.findOffset('printk_log', 'ts_nsec') === undefined ? 'log' : 'printk_log';
  const dictLength = layout.offset(struct, 'dict_len');
  const behind = struct === 'printk_log' ? dictLength + 2 : undefined;
  return {
    size: layout.size(struct),
    time: layout.offset(struct, 'ts_nsec'),
    length: layout.offset(struct, 'len'),
    textLength: layout.offset(struct, 'text_len'),
    dictLength,
    facility: layout.findOffset(struct, 'facility') ?? behind,
    level: layout.findOffset(struct, 'level') ?? (behind === undefined ? undefined : behind + 1),
  };
}

/** Goes from record to record; each is longer than nothing, and the log goes round once. */
function walk(
  log: RecordLog,
  firstIndex: number,
  firstSeq: bigint | undefined,
): { records: LogRecord[]; broken: string | undefined } {
  const records: LogRecord[] = [];
  let index = firstIndex;
  let wrapped = false;
  while (index !== log.nextIndex) {
    const seq = firstSeq === undefined ? undefined : Number(firstSeq) + records.length;
    const read = readRecord(log, index, seq);
    if (typeof read === 'string') return { records, broken: read };
    if (read === undefined) {
      if (wrapped) return { records, broken: 'the log goes round twice' };
      wrapped = true;
      index = 0;
      continue;
    }
    const passed = index < log.nextIndex && index + read.length > log.nextIndex;
    if (passed || (wrapped && index >= firstIndex)) {
      return { records, broken: `the record at ${index} goes past the end of the log` };
    }
    records.push(read.record);
    index += read.length;
  }
  return { records, broken: undefined };
}

/** A record and its whole length; undefined where the log wraps; why there is none, in words. */
function readRecord(
  log: RecordLog,
  index: number,
  seq: number | undefined,
): { record: LogRecord; length: number } | undefined | string {
  const { vmcore, buffer, size, header } = log;
  if (index + header.size > size) return `index ${index} is past the end of the buffer`;
  try {
    const at = vaddrAdd(buffer, index);
    const view = viewOf(vmcore.readBytes(at, header.size, 'log'));
    const length = view.getUint16(header.length, true);
    if (length === 0) return undefined;
    const textLength = view.getUint16(header.textLength, true);
    const needed = header.size + textLength + view.getUint16(header.dictLength, true);
    if (length < needed || index + length > size) {
      return `the record at ${index} has no possible length`;
    }
    const record = {
      ...(seq === undefined ? {} : { seq }),
      timeUs: microseconds(view.getBigUint64(header.time, true)),
      ...(header.level === undefined ? {} : { level: levelOf(view.getUint8(header.level)) }),
      ...(header.facility === undefined ? {} : { facility: view.getUint8(header.facility) }),
      bytes: vmcore.readBytes(vaddrAdd(at, header.size), textLength, 'log'),
    };
    return { record, length };
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    vmcore.problems.add('kernel log', error);
    return `the record at ${index} cannot be read`;
  }
}
