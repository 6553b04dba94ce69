// The kernel's log as text, in the way of dmesg(1).

import type { LogResult } from '../kernel/log.ts';
import type { LogRecord, LostRecords } from '../kernel/printk-record.ts';
import { count } from '../util/count.ts';

/** The log for people: what a terminal would obey is written `\x1b`, as makedumpfile has it. */
export function logText(result: LogResult, { ctime = false } = {}): string {
  const offset = ctime ? result.wallClockOffsetUs : undefined;
  return result.records.map((record) => `${recordText(record, offset)}\n`).join('');
}

/** A record; its further lines are indented by as much as the stamp takes. */
export function recordText(record: LogRecord, offsetUs?: number): string {
  const head = stampText(record.timeUs, offsetUs);
  const lines = logLines(record.bytes);
  return lines.map((line, at) => (at === 0 ? head : ' '.repeat(head.length)) + line).join('\n');
}

/** `[    1.234567] `, or the time of day in UTC; nothing where there is no stamp. */
export function stampText(timeUs: number | undefined, offsetUs?: number): string {
  if (timeUs === undefined) return '';
  if (offsetUs !== undefined) return `[${dayText(timeUs + offsetUs)}] `;
  const seconds = String(Math.floor(timeUs / 1e6)).padStart(5);
  return `[${seconds}.${String(timeUs % 1e6).padStart(6, '0')}] `;
}

/** `Sat Nov 21 19:21:11 2026`, as ctime(3) has it, in UTC: nobody knows the zone of the machine. */
function dayText(us: number): string {
  const date = new Date(us / 1000);
  const [day = '', dayOfMonth = '', month = '', year = '', time = ''] = date
    .toUTCString()
    .split(/,? /);
  return `${day} ${month} ${dayOfMonth.replace(/^0/, ' ')} ${time} ${year}`;
}

/** The lines of a text, with all but printable ASCII and tabs as `\x1b`. */
export function logLines(bytes: Uint8Array): string[] {
  let text = '';
  for (const byte of bytes) {
    const plain = (byte >= 0x20 && byte < 0x7f) || byte === TAB || byte === LINE_FEED;
    text += plain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return text.split('\n');
}

const TAB = 0x09;
const LINE_FEED = 0x0a;

/** The log byte for byte, a stamp before each record; for files, not for terminals. */
export function logBytes(result: LogResult): Uint8Array {
  const parts = result.records.flatMap(({ timeUs, bytes }) => [
    Buffer.from(stampText(timeUs), 'latin1'),
    bytes,
    Buffer.from('\n', 'latin1'),
  ]);
  return Buffer.concat(parts);
}

/** A result whose texts are text; `\` itself is not written in another way. */
export function logJson(result: LogResult): object {
  const records = result.records.map(({ bytes, ...rest }) => ({
    ...rest,
    text: logLines(bytes).join('\n'),
  }));
  return { ...result, records };
}

/** What the reader must know that the lines do not say. */
export function logRemarks(result: LogResult): string[] {
  const remarks = result.lost.map(lostText);
  const { leftOut, unknown, records } = result;
  for (const { seq, damage } of records.filter(({ damage }) => damage !== undefined)) {
    remarks.push(`text of record ${seq ?? '?'} of the log: ${damage}`);
  }
  if (unknown > 0 && unknown === leftOut && records.length === 0) {
    remarks.push('the dump does not tell the levels or times of its records');
  } else if (unknown > 0) {
    remarks.push(`${count(unknown, 'record')} without level or time left out`);
  }
  return remarks;
}

/** Which records are lost, and why. */
export function lostText({ seq, count: many, why }: LostRecords): string {
  const what = many === undefined ? 'records' : count(many, 'record');
  const from = seq === undefined ? '' : ` from number ${seq} on`;
  return `${what} of the log${from} lost: ${why}`;
}
