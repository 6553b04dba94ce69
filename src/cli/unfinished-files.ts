// Files that are written beside their place and renamed when all of them are whole, so that an
// interrupt leaves the old files or the new ones.

import { closeSync, openSync, renameSync, rmSync, writeSync } from 'node:fs';
import { wrapLz4 } from '../format/compress/lz4-encode.ts';
import { FileSource } from '../target/file-source.ts';
import type { ByteSink } from '../util/io.ts';

/** A set of files whose names are a path and a suffix of each. */
export class UnfinishedFiles {
  readonly #path: string;
  readonly #created: string[] = [];
  readonly #open = new Set<number>();

  constructor(path: string) {
    this.#path = path;
  }

  /** Creates a file of the set. @throws the error of open(2) */
  create(suffix: string): ByteSink {
    const fd = openSync(unfinished(this.#path + suffix), 'w');
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
        const fd = openSync(path, 'w');
        this.#open.add(fd);
        wrapLz4(source, new FileSink(fd));
      } finally {
        source.close();
      }
    }
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
  const files = new UnfinishedFiles(path);
  try {
    files.create('').write(Buffer.from(text), 0);
    files.finish();
  } catch (error) {
    files.discard();
    throw error;
  }
}

function unfinished(path: string): string {
  return `${path}.unfinished`;
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
