// Files that are written beside their place and renamed when all of them are whole, so that an
// interrupt leaves the old files or the new ones.

import { closeSync, lstatSync, openSync, renameSync, rmSync, statSync, writeSync } from 'node:fs';
import { dirname } from 'node:path';
import { wrapLz4 } from '../format/compress/lz4-encode.ts';
import { FileSource } from '../target/file-source.ts';
import type { ByteSink } from '../util/io.ts';
import { UsageError } from './usage.ts';

/** Characters that are written at once. */
const BLOCK_LENGTH = 1 << 16;

/**
 * Looks whether a file can have that name, before the work for it is done.
 *
 * @throws UsageError if its folder is not there, or it is a folder itself, or a device or a link,
 *   which a file that is renamed would replace
 */
export function checkPlace(path: string): void {
  const folder = dirname(path);
  const found = statSync(folder, { throwIfNoEntry: false });
  if (found === undefined) throw new UsageError(`${folder}: no such folder`);
  if (!found.isDirectory()) throw new UsageError(`${folder}: is no folder`);
  if (path === '' || statSync(path, { throwIfNoEntry: false })?.isDirectory() === true) {
    throw new UsageError(`${path}: expected the name of a file, this is a folder`);
  }
  const there = lstatSync(path, { throwIfNoEntry: false });
  if (there !== undefined && !there.isFile()) {
    const what = there.isSymbolicLink() ? 'a symbolic link' : 'a device';
    throw new UsageError(`${path}: expected a new file or one to replace, this is ${what}`);
  }
}

/** Whether two names are of one file, by whichever way it is reached; both may be of none. */
export function isSameFile(a: string, b: string): boolean {
  const [x, y] = [a, b].map((path) => statSync(path, { throwIfNoEntry: false }));
  return x !== undefined && x.dev === y?.dev && x.ino === y.ino;
}

/** A set of files whose names are a path and a suffix of each. */
export class UnfinishedFiles {
  readonly #path: string;
  readonly #created: string[] = [];
  readonly #open = new Set<number>();

  /** @throws UsageError as {@link checkPlace} does */
  constructor(path: string) {
    checkPlace(path);
    this.#path = path;
  }

  /** Creates a file of the set. @throws UsageError, or the error of open(2) */
  create(suffix: string): ByteSink {
    checkPlace(this.#path + suffix);
    const fd = openNew(unfinished(this.#path + suffix));
    this.#open.add(fd);
    this.#created.push(suffix);
    return new FileSink(fd);
  }

  /** Packs each of the files that were created into an lz4 frame. */
  wrapAll(): void {
    this.#close();
    for (const suffix of this.#created) {
      const path = unfinished(this.#path + suffix);
      const source = FileSource.open(path);
      try {
        // The packed file takes the name; the plain one can be read on without.
        rmSync(path);
        const fd = openNew(path);
        this.#open.add(fd);
        wrapLz4(source, new FileSink(fd));
      } finally {
        source.close();
      }
    }
  }

  /** Where a file of the set is until it gets its name. What was written to it is there. */
  unfinishedPath(suffix: string): string {
    return unfinished(this.#path + suffix);
  }

  /** All is written. @returns the paths */
  finish(): string[] {
    this.#close();
    return this.#created.map((suffix) => {
      const path = this.#path + suffix;
      renameSync(unfinished(path), path);
      return path;
    });
  }

  /** Leaves nothing behind. */
  discard(): void {
    this.#close();
    for (const suffix of this.#created) rmSync(unfinished(this.#path + suffix), { force: true });
  }

  #close(): void {
    for (const fd of this.#open) closeSync(fd);
    this.#open.clear();
  }
}

/** A file of text, whole or not at all. */
export function writeTextFile(path: string, text: string): void {
  writeTextPieces(path, [text]);
}

/** A file of text that is too long for one string, whole or not at all. */
export function writeTextPieces(path: string, pieces: Iterable<string>): void {
  const files = new UnfinishedFiles(path);
  try {
    const sink = files.create('');
    let offset = 0;
    for (const block of blocksOf(pieces)) {
      const bytes = Buffer.from(block);
      sink.write(bytes, offset);
      offset += bytes.length;
    }
    files.finish();
  } catch (error) {
    files.discard();
    throw error;
  }
}

/** Pieces joined to blocks of some size: a system call for each would take its time. */
function* blocksOf(pieces: Iterable<string>): Generator<string, void, undefined> {
  let block: string[] = [];
  let length = 0;
  for (const piece of pieces) {
    block.push(piece);
    length += piece.length;
    if (length < BLOCK_LENGTH) continue;
    yield block.join('');
    block = [];
    length = 0;
  }
  yield block.join('');
}

/** Another process has another name for it, so that what is there is of one that was killed. */
function unfinished(path: string): string {
  return `${path}.${process.pid}.unfinished`;
}

/** Never a file that is there, be it an input or a link to one. */
function openNew(path: string): number {
  try {
    return openSync(path, 'wx');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
    throw new UsageError(`${path}: is there already, and is needed while the file is written`);
  }
}

class FileSink implements ByteSink {
  readonly #fd: number;

  constructor(fd: number) {
    this.#fd = fd;
  }

  write(bytes: Uint8Array, offset: number): void {
    for (let done = 0; done < bytes.length;) {
      done += writeSync(this.#fd, bytes, done, bytes.length - done, offset + done);
    }
  }
}
