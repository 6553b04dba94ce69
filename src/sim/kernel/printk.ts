// The kernel's log: records with a time and a level (kernel/printk/printk.c).

/** One record of the log. */
export interface LogRecord {
  /** Nanoseconds since boot. */
  readonly timeNs: number;
  readonly level: number;
  /** pid of the task that wrote it; 0 before there are tasks. */
  readonly callerPid: number;
  readonly text: string;
}

/** KERN_EMERG, KERN_ERR, KERN_WARNING, KERN_INFO */
export const LOGLEVEL_EMERG = 0;
export const LOGLEVEL_ERR = 3;
export const LOGLEVEL_WARNING = 4;
export const LOGLEVEL_INFO = 6;

/** CONFIG_LOG_BUF_SHIFT 17; before the text of a record stands its id. */
const RING_BYTES = 2 ** 17;
const RECORD_OVERHEAD = 8;

/** The log. It keeps all records; how many of them a dump has is the ring buffer's business. */
export class Log {
  readonly records: LogRecord[] = [];
  /** The oldest record that the ring buffer of the running kernel still has. */
  firstSeq = 0;
  #bytes = 0;

  /** The number of the record that comes next. */
  get nextSeq(): number {
    return this.records.length;
  }

  add(record: LogRecord): void {
    this.records.push(record);
    this.#bytes += bytesOf(record);
    for (; this.#bytes > RING_BYTES; this.firstSeq++) {
      this.#bytes -= bytesOf(this.records[this.firstSeq]!);
    }
  }
}

/** What a record takes in the ring buffer: whole words. */
function bytesOf({ text }: LogRecord): number {
  return RECORD_OVERHEAD + 8 * Math.ceil(text.length / 8);
}
