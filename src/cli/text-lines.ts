// Text files by lines, of any size: a console log may be larger than a string can be.

import { closeSync, openSync, readSync } from 'node:fs';
import { consoleLine, type LogLine } from '../kernel/log-lines.ts';

const CHUNK_SIZE = 1 << 20;
/** A line that is longer is broken; it is of no log. */
const LINE_LENGTH_MAX = 1 << 20;

/** The lines of a file, bytes as Latin-1, without what ends them. */
export function* textLines(path: string): Generator<string> {
  const fd = openSync(path, 'r');
  try {
    const chunk = Buffer.alloc(CHUNK_SIZE);
    let rest = '';
    for (;;) {
      const length = readSync(fd, chunk, 0, CHUNK_SIZE, null);
      if (length === 0) break;
      const lines = (rest + chunk.toString('latin1', 0, length)).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) yield line.replace(/\r$/, '');
      if (rest.length > LINE_LENGTH_MAX) {
        yield rest;
        rest = '';
      }
    }
    if (rest !== '') yield rest;
  } finally {
    closeSync(fd);
  }
}

/** The lines of console logs, one file after the other, as the kernel printed them. */
export function* fileLines(files: readonly string[]): Generator<LogLine> {
  for (const file of files) for (const line of textLines(file)) yield consoleLine(line);
}

/** gzip, zstd and lz4 frames may have no NUL in front. */
const PACKED = ['\x1f\x8b', '\x28\xb5\x2f\xfd', '\x04\x22\x4d\x18'];
const HEAD_SIZE = 4096;

/** Whether a file is text: no vmcore has a header without a NUL. */
export function isTextFile(path: string): boolean {
  const fd = openSync(path, 'r');
  try {
    const head = Buffer.alloc(HEAD_SIZE);
    const text = head.toString('latin1', 0, readSync(fd, head, 0, HEAD_SIZE, 0));
    return !text.includes('\0') && !PACKED.some((magic) => text.startsWith(magic));
  } finally {
    closeSync(fd);
  }
}
