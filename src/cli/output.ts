// The only place that writes to standard output and standard error.

import { writeSync } from 'node:fs';
import type { Problems } from '../util/problems.ts';
import { escapeControls, escapeLine } from '../util/escape.ts';
import { NO_TYPES_FOUND } from '../target/no-types.ts';
import { columnText, fitTable, type Table } from '../report/table.ts';

/** cli-table3 lays out in time quadratic to the rows; more go the plain way. */
const DRAWN_ROWS_MAX = 500;

const GAP_DRAWN = 2;

/** Every line that cli-table3 would draw. */
const NO_LINES = Object.fromEntries(
  [
    'top top-mid top-left top-right bottom bottom-mid bottom-left bottom-right',
    'left left-mid mid mid-mid right right-mid middle',
  ]
    .join(' ')
    .split(' ')
    .map((name) => [name, '']),
);

/** How many problems are listed one by one below a text result. */
const PROBLEMS_SHOWN = 20;

/** A write to a reader that has gone, such as head(1); it ends the command in success. */
export class BrokenPipe extends Error {}

/** Writes text to standard output. */
export function print(text: string): void {
  write(1, text);
}

/** Writes bytes to standard output as they are. */
export function printBytes(bytes: Uint8Array): void {
  writeBytes(1, bytes);
}

/** Writes a line to standard error. */
export function remark(text: string): void {
  write(2, `stallcore: ${escapeControls(text)}\n`);
}

/** Writes a result object as JSON. */
export function printJson(result: unknown): void {
  const text = JSON.stringify(result, undefined, 2);
  // JSON escapes C0 itself; C1 is as much of a command to some terminals.
  const safe = text.replace(
    /[\x7f-\x9f]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`,
  );
  print(`${safe}\n`);
}

/** Columns for prose on standard output; what goes to a file or another program is not broken. */
export function proseWidth(): number {
  const { isTTY, columns } = process.stdout;
  // A terminal may not tell its width.
  return isTTY ? columns || TERMINAL_WIDTH : Infinity;
}

const TERMINAL_WIDTH = 80;

/** Draws a table on a terminal, as wide as that, else writes it in plain columns. */
export async function printTable(whole: Table): Promise<void> {
  const { isTTY, columns } = process.stdout;
  // A terminal may not tell its width. The last column is drawn with a gap behind it, too.
  const table = isTTY && columns > 0 ? fitTable(whole, columns - GAP_DRAWN) : whole;
  if (!isTTY || table.rows.length > DRAWN_ROWS_MAX) {
    print(columnText(table));
    return;
  }
  const { default: CliTable } = await import('cli-table3');
  const drawn = new CliTable({
    head: table.columns.map(({ title }) => title),
    colAligns: table.columns.map(({ align }) => align),
    // Columns without lines between them: task tables are wide, and a box that wraps is mush.
    chars: NO_LINES,
    style: { head: ['bold'], 'padding-left': 0, 'padding-right': GAP_DRAWN },
  });
  drawn.push(...table.rows.map((row) => [...row]));
  print(`${drawn.toString()}\n`);
}

/**
 * Tells on standard error what could not be read. That there are no types at all is one of the
 * problems, so that each type that was looked for in vain says nothing more.
 */
export function remarkProblems({ list, count }: Problems): void {
  const told = list.filter(({ message }) => !message.endsWith(`: ${NO_TYPES_FOUND}`));
  for (const { subject, message } of told.slice(0, PROBLEMS_SHOWN)) {
    remark(`${subject}: ${message}`);
  }
  const more = count - (list.length - told.length) - PROBLEMS_SHOWN;
  if (more > 0) remark(`${more} more problems (--json lists ${list.length} in all)`);
}

/** What is of another kernel and was forced on the dump; the first line of a result says so. */
function forcedOn({ list }: Problems): string[] {
  return list.flatMap(({ forced, subject, message }) =>
    forced === true ? [`${subject}: ${message}`] : [],
  );
}

/** Says in front of a result in text that what follows was read by what is of another kernel. */
export function printForced(problems: Problems): void {
  for (const text of forcedOn(problems)) {
    print(
      escapeLine(`(!) Forced, so that what follows may be wrong in every word: ${text}`) + '\n',
    );
  }
}

/** A result with what could not be read, as `--json` prints it. */
export function withProblems<T extends object>(result: T, problems: Problems): object {
  const { list, count } = problems;
  const forced = forcedOn(problems);
  const notListed = count - list.length;
  return {
    ...(forced.length > 0 ? { forced } : {}),
    ...result,
    problems: list,
    ...(notListed > 0 ? { problemsNotListed: notListed } : {}),
  };
}

/** Progress of a long step, on standard error and only on a terminal. */
export function progress(what: string): (done: number, total: number | undefined) => void {
  if (!process.stderr.isTTY) return () => undefined;
  let last = -1;
  return (done, total) => {
    const percent = total === undefined || total === 0 ? -1 : Math.floor((done / total) * 100);
    const shown = percent < 0 ? Math.floor(done / 2 ** 20) : percent;
    if (shown === last) return;
    last = shown;
    write(2, `\r${what}: ${percent < 0 ? `${shown} MiB` : `${percent} %`}\x1b[K`);
    if (total !== undefined && done >= total) write(2, '\r\x1b[K');
  };
}

function write(fd: number, text: string): void {
  writeBytes(fd, Buffer.from(text, 'utf8'));
}

/** Pipes may take less than asked for, or nothing for now. */
function writeBytes(fd: number, bytes: Uint8Array): void {
  for (let done = 0; done < bytes.length;) {
    try {
      done += writeSync(fd, bytes, done);
    } catch (error) {
      const code = (error as NodeJS.ErrnoException).code;
      if (code === 'EPIPE') throw new BrokenPipe();
      if (code !== 'EAGAIN') throw error;
    }
  }
}
