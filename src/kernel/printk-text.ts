// The log before Linux 3.5 (kernel/printk.c): plain text in a ring of bytes, with `<6>` and a time
// stamp, where printk.time is on, at the start of each line.
//
//   log_buf[log_buf_len]   log_end: characters written since boot, modulo 2^32
//                          logged_chars: characters that are in the buffer

import type { Vmcore } from '../target/vmcore.ts';
import { vaddrAdd } from '../util/address.ts';
import { latin1 } from '../util/byte-reader.ts';
import { LookupError } from '../util/errors.ts';
import type { PrintkLayout } from './printk-layout.ts';
import { OVERWRITTEN, type KernelLog, type LogRecord } from './printk-record.ts';
import { logBuffer } from './printk-records.ts';

/** @throws VmcoreError if the variables of the log cannot be read, or the text */
export function readPrintkText(vmcore: Vmcore, layout: PrintkLayout): KernelLog {
  const { buffer, size } = logBuffer(vmcore, layout);
  const end = layout.variable('log_end', 4);
  if (end === undefined) throw new LookupError('symbol', 'log_end');
  const logged = Number(layout.variable('logged_chars', 4) ?? end);
  const length = Math.min(logged, size);
  const start = (((Number(end) - length) % size) + size) % size;
  const text = new Uint8Array(length);
  const first = Math.min(length, size - start);
  vmcore.readInto(text.subarray(0, first), vaddrAdd(buffer, start), 'log');
  vmcore.readInto(text.subarray(first), buffer, 'log');
  const isWhole = Number(end) === length;
  const records = textRecords(text);
  return { kind: 'text', records, lost: isWhole ? [] : [{ why: OVERWRITTEN }] };
}

/** The lines of a log of text as records. */
export function textRecords(text: Uint8Array): LogRecord[] {
  const records: LogRecord[] = [];
  for (let from = 0; from < text.length;) {
    const feed = text.indexOf(LINE_FEED, from);
    const to = feed < 0 ? text.length : feed;
    records.push(lineRecord(text.subarray(from, to)));
    from = to + 1;
  }
  return records;
}

const LINE_FEED = 0x0a;
/** More than level and stamp take. */
const HEAD_LENGTH = 48;

function lineRecord(line: Uint8Array): LogRecord {
  const head = latin1(line.subarray(0, HEAD_LENGTH));
  const match = /^(?:<(\d)>)?(?:\[ *(\d{1,10})\.(\d{6})\] )?/.exec(head);
  const [all = '', level, seconds, micros] = match ?? [];
  return {
    ...(level === undefined ? {} : { level: Number(level) & LEVEL_MASK }),
    ...(seconds === undefined ? {} : { timeUs: Number(seconds) * 1e6 + Number(micros) }),
    bytes: line.slice(all.length),
  };
}

const LEVEL_MASK = 7;
