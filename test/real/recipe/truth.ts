// What the guest itself says of its tasks, from its serial console; the lines are described in
// guest.c.

/** A task as /proc shows it. */
export interface TrueTask {
  readonly pid: number;
  readonly tgid: number;
  readonly ppid: number;
  readonly state: string;
  /** For a worker of a workqueue, /proc adds "-" or "+" and what it works on. */
  readonly commHex: string;
}

const TASK_LINE = /^TASK (\d+) (\d+) (\d+) (\S) ([0-9a-f]*)$/gm;

/**
 * All tasks between the marks.
 *
 * @throws Error if lines were lost: the truth counts them itself
 */
export function readTruth(console: string): TrueTask[] {
  const part = /^TRUTH-BEGIN$([\s\S]*?)^TRUTH-END (\d+)$/m.exec(console);
  if (part === null) throw new Error('the console holds no truth');
  const tasks = [...(part[1] ?? '').matchAll(TASK_LINE)].map((match) => ({
    pid: Number(match[1]),
    tgid: Number(match[2]),
    ppid: Number(match[3]),
    state: match[4] ?? '',
    commHex: match[5] ?? '',
  }));
  if (tasks.length !== Number(part[2])) {
    throw new Error(`the truth: expected ${part[2]} tasks, have ${tasks.length}`);
  }
  return tasks;
}
