// A file as a ByteSource. Every read goes to the kernel's page cache: nothing is kept here.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { FormatError } from '../util/errors.ts';
import type { ByteSource } from '../util/io.ts';

/** One read(2) returns at most 2 GiB - 4 KiB. */
const READ_LENGTH_MAX = 1 << 30;

/** An open file; {@link FileSource.close} it. */
export class FileSource implements ByteSource {
  readonly name: string;
  readonly size: number;
  #fd: number | undefined;

  /** Takes over `fd`, which must be open for reading. */
  constructor(fd: number, name: string) {
    this.#fd = fd;
    this.name = name;
    this.size = fstatSync(fd).size;
  }

  /**
   * Opens the file at `path`; its name in messages is without the directory.
   *
   * @throws the error of open(2) if it cannot be opened
   * @throws FormatError if it is no regular file or block device
   */
  static open(path: string): FileSource {
    const name = basename(path);
    const fd = openSync(path, 'r');
    const stat = fstatSync(fd);
    // A directory would open, and a pipe would wait for ever.
    if (!stat.isFile() && !stat.isBlockDevice()) {
      closeSync(fd);
      throw new FormatError({ section: name }, 'is no regular file');
    }
    return new FileSource(fd, name);
  }

  /** @throws FormatError if the medium fails, or the file was closed */
  readInto(into: Uint8Array, offset: number): number {
    if (this.#fd === undefined) throw this.#failed(offset, 'the file is closed');
    let done = 0;
    while (done < into.length) {
      const length = Math.min(into.length - done, READ_LENGTH_MAX);
      const got = this.#read(into.subarray(done, done + length), offset + done);
      if (got === 0) break;
      done += got;
    }
    return done;
  }

  /** Closes the file; twice is once. */
  close(): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
  }

  #read(into: Uint8Array, offset: number): number {
    try {
      return readSync(this.#fd!, into, 0, into.length, offset);
    } catch (error) {
      // EIO: a bad sector or a broken mount must cost what lies there, not the whole command.
      if (!(error instanceof Error && 'code' in error)) throw error;
      throw this.#failed(offset, `cannot be read (${String(error.code)})`, error);
    }
  }

  #failed(offset: number, what: string, cause?: Error): FormatError {
    return new FormatError({ section: this.name, offset }, what, cause && { cause });
  }
}
