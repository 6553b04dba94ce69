// A slow console, and who waits for it (console_unlock() and console_trylock_spinning() of
// kernel/printk/printk.c): printk() writes into the log and then tries to print what the console
// has not had. Only one task at a time prints, with its CPU, and it prints what others have added
// meanwhile.
//
// Without hand-over others go on at once, and who prints has no end of it as long as they add. With
// it the next one spins until the line is out and goes on printing; who comes while somebody spins
// leaves his line to that one.

import type { Log } from './printk.ts';
import type { Task } from './task.ts';

/** What a console is like; of the kernel's options. */
interface ConsoleOptions {
  /** Microseconds of a line; 0 where nobody listens. */
  readonly consoleUs: number;
  readonly consoleHandover: boolean;
}

/** What one task prints, or is about to. */
interface Turn {
  readonly task: Task;
  /** When it began, in microseconds since boot. */
  readonly since: number;
  /** When it is done. */
  end: number;
  /** Lines of others that it has to print and has not begun with. */
  left: number;
}

/** The console of {@link ConsoleOptions}, which everybody who calls printk() shares. */
export class SlowConsole {
  /** What it wrote for records that were overwritten before it came to them. */
  readonly notices: string[] = [];
  /** Records that it never had. */
  dropped = 0;
  readonly #lineUs: number;
  readonly #hasHandover: boolean;
  readonly #log: Log;
  /** Whoever has it comes first, then who spins. */
  #turns: Turn[] = [];
  /** con->seq */
  #next = 0;
  /** When it was done with the line before that. */
  #freeAt = 0;

  constructor({ consoleUs, consoleHandover }: ConsoleOptions, log: Log) {
    this.#lineUs = consoleUs;
    this.#hasHandover = consoleHandover;
    this.#log = log;
  }

  /** How much of a task's CPU time is to pass at once; others may add to the rest, or take it. */
  stepOf(task: Task, now: number): number {
    if (this.#lineUs === 0) return task.debt;
    const owes = this.#turns.some((turn) => turn.task === task && turn.left > 0);
    if (!owes) return task.debt;
    this.advance(now);
    return Math.min(task.debt, this.#lineUs);
  }

  /** When the task began to print what it is still at, in microseconds since boot. */
  printsSince(task: Task, now: number): number | undefined {
    return this.#turns.find((turn) => turn.task === task && turn.end > now)?.since;
  }

  /** Catches up with the time, as long as no record is added that may push others out. */
  advance(time: number): void {
    if (this.#lineUs === 0) return;
    while (this.#next < this.#log.nextSeq && this.#freeAt + this.#lineUs <= time) {
      const lost = this.#log.firstSeq - this.#next;
      if (lost > 0) this.#skip(lost);
      this.#next++;
      this.#freeAt += this.#lineUs;
    }
  }

  /** A line takes the place of those that are gone. */
  #skip(lost: number): void {
    this.notices.push(`** ${lost} printk messages dropped **`);
    this.dropped += lost;
    this.#next += lost;
    this.#freeAt += this.#lineUs;
    let saved = lost - 1;
    for (const turn of this.#turns) saved -= this.#relieve(turn, saved);
  }

  /** Takes lines of others from who was to print them. @returns how many */
  #relieve(turn: Turn, wanted: number): number {
    const lines = Math.min(wanted, turn.left, Math.floor(turn.task.debt / this.#lineUs));
    turn.left -= lines;
    turn.end -= lines * this.#lineUs;
    turn.task.debt -= lines * this.#lineUs;
    return lines;
  }

  /** The record that was just added. @returns the microseconds that it takes its writer */
  print(task: Task, time: number): number {
    const us = this.#lineUs;
    if (us === 0) return 0;
    if (this.#next === this.#log.nextSeq - 1) this.#freeAt = Math.max(this.#freeAt, time);
    this.#turns = this.#turns.filter(({ end }) => end > time);
    const [printing, spinning] = this.#turns;
    const own = this.#turns.find((turn) => turn.task === task);
    if (own !== undefined) {
      own.end += us;
      return own.end - time;
    }
    if (printing === undefined) {
      this.#turns.push({ task, since: time, end: time + us, left: 0 });
      return us;
    }
    if (!this.#hasHandover || spinning !== undefined) {
      leave(spinning ?? printing, us);
      return 0;
    }
    return this.#takeOver(printing, { task, time });
  }

  /** console_trylock_spinning(): the line that is being written, then one's own and the others'. */
  #takeOver(from: Turn, { task, time }: { task: Task; time: number }): number {
    const us = this.#lineUs;
    const rest = Math.ceil((from.end - time) / us) - 1;
    const lineEnd = from.end - rest * us;
    const taken = this.#relieve(from, rest);
    const end = lineEnd + (taken + 1) * us;
    this.#turns.push({ task, since: time, end, left: taken });
    // Lines of its own come after these: it will spin for them.
    if (from.end > lineEnd) {
      from.end += (taken + 1) * us;
      from.task.debt += (taken + 1) * us;
    }
    return end - time;
  }
}

/** Whoever prints goes on for one more line. */
function leave(turn: Turn, us: number): void {
  turn.left++;
  turn.end += us;
  turn.task.debt += us;
}
