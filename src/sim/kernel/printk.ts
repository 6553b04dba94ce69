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

/** The log. It keeps all records; how many of them a dump has is the ring buffer's business. */
export class Log {
  readonly records: LogRecord[] = [];

  add(record: LogRecord): void {
    this.records.push(record);
  }
}
