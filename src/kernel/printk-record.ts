// A record of the kernel's log, whichever way the kernel keeps it.

/** One call of printk(), or several where later ones went on with the line. */
export interface LogRecord {
  /** `info.seq`, counted from boot; absent where the kernel does not keep it. */
  readonly seq?: number;
  /** When it was printed, in microseconds of local_clock(); absent where no stamp was kept. */
  readonly timeUs?: number;
  /** 0 KERN_EMERG to 7 KERN_DEBUG; absent where the dump does not tell. */
  readonly level?: number;
  /** 0 is the kernel, others came from user space through /dev/kmsg. */
  readonly facility?: number;
  /** The thread that printed it, since Linux 5.10. */
  readonly callerPid?: number;
  /** The CPU where it was printed in no thread's context, since Linux 5.10. */
  readonly callerCpu?: number;
  /** The text as it lies in memory: lines without the last line feed. */
  readonly bytes: Uint8Array;
  /** What is missing of the text, in words. */
  readonly damage?: string;
}

/** Records that were there once, or should be. */
export interface LostRecords {
  /** Number of the first of them; absent where not known. */
  readonly seq?: number;
  /** How many; absent where not known. */
  readonly count?: number;
  readonly why: string;
}

/** How the kernel keeps its log. */
export type LogKind = 'ring' | 'records' | 'text';

/** The log as it lies in memory, oldest first. */
export interface KernelLog {
  /**
   * - `ring`: printk_ringbuffer, since Linux 5.10 (896fbe20b4e2)
   * - `records`: struct printk_log of any length, since 3.5 (7ff9554bb578)
   * - `text`: plain text before
   */
  readonly kind: LogKind;
  readonly records: readonly LogRecord[];
  /** In the order of the log. */
  readonly lost: readonly LostRecords[];
}

/** Why the beginning of a log is missing. */
export const OVERWRITTEN = 'overwritten by newer ones';

/** Adds to what is lost; a run of records lost for one reason is one entry. */
export function addLost(lost: LostRecords[], seq: number | undefined, why: string): void {
  const last = lost.at(-1);
  const follows = last?.seq === undefined ? seq : last.seq + (last.count ?? 0);
  if (last?.why === why && follows === seq) {
    lost[lost.length - 1] = { ...last, count: (last.count ?? 0) + 1 };
  } else lost.push({ ...(seq === undefined ? {} : { seq }), count: 1, why });
}

/** `u8 flags:5, level:3` of printk_info and printk_log. */
export function levelOf(byte: number): number {
  return byte >> 5;
}

/** Nanoseconds as the kernel prints them: microseconds, the rest cut off. */
export function microseconds(ns: bigint): number {
  return Number(ns / 1000n);
}
