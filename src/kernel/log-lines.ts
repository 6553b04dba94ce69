// Lines of a log, from a dump or from a file that somebody has saved: a serial console, netconsole,
// syslog, a mail. What stands before the kernel's own text differs, and its time stamp is in it.

import { latin1 } from '../util/byte-reader.ts';
import type { LogRecord } from './printk-record.ts';

/** A line of a log. */
export interface LogLine {
  /** Time stamp in microseconds since boot; absent where the line has none. */
  readonly timeUs?: number;
  /** What the kernel printed, bytes as Latin-1. */
  readonly text: string;
}

/** The lines of records. */
export function* recordLines(records: readonly LogRecord[]): Generator<LogLine> {
  for (const { timeUs, bytes } of records) {
    for (const text of latin1(bytes).split('\n')) {
      yield timeUs === undefined ? { text } : { timeUs, text };
    }
  }
}

/** `[   12.345678]`, with the caller of CONFIG_PRINTK_CALLER behind it. */
const STAMP = /^.{0,160}?\[ *(\d{1,10})\.(\d{6})\](?:\[ *[TC]\d+\])? ?/;
/** `4,1234,12345678,-;` of /dev/kmsg and netconsole's extended format, with a release before. */
const EXTENDED = /^(?:[^\s,;]{1,64},)?\d{1,6},\d{1,20},(\d{1,16}),[-c+](?:,[^;]*)?;/;
/** Marks of a quotation or a patch, a level, what syslog puts before the kernel's text. */
const OTHER = /^[>+|\s]*(?:.{0,120}? kernel: )?(?:<\d{1,3}>)?/;

/** A line of a text file. */
export function consoleLine(line: string): LogLine {
  const extended = EXTENDED.exec(line);
  if (extended !== null) {
    return { timeUs: Number(extended[1]), text: line.slice(extended[0].length) };
  }
  const stamp = STAMP.exec(line);
  if (stamp !== null) {
    const timeUs = Number(stamp[1]) * 1e6 + Number(stamp[2]);
    return { timeUs, text: line.slice(stamp[0].length) };
  }
  return { text: line.slice(OTHER.exec(line)?.[0].length ?? 0) };
}
