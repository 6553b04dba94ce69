// A file as a ByteSource. Whoever reads a dump reads page by page, and pages that are asked for one
// after the other mostly lie side by side: a whole block is read for the first of them and kept.

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { basename } from 'node:path';
import { FormatError } from '../util/errors.ts';
import type { ByteSource } from '../util/io.ts';
import { LruCache } from '../util/lru.ts';

/** One read(2) returns at most 2 GiB - 4 KiB. */
const READ_LENGTH_MAX = 1 << 30;

/** What is read at once for a small read, and how many such blocks are kept: 4 MiB. */
const BLOCK_SIZE = 64 << 10;
const BLOCKS_CACHED = 64;

/** Longer reads go past the blocks: they are cheap enough, and scans would push out all others. */
const SMALL_MAX = 16 << 10;

/** An open file; {@link FileSource.close} it. */
export class FileSource implements ByteSource {
  readonly name: string;
  readonly size: number;
  #fd: number | undefined;
  readonly #blocks = new LruCache<Uint8Array>(BLOCKS_CACHED);

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
    if (into.length > SMALL_MAX) return this.#readThrough(into, offset);
    let done = 0;
    while (done < into.length) {
      const at = offset + done;
      const block = this.#block(Math.floor(at / BLOCK_SIZE));
      if (block === undefined) return done + this.#readThrough(into.subarray(done), at);
      const inBlock = at % BLOCK_SIZE;
      const part = block.subarray(inBlock, inBlock + into.length - done);
      if (part.length === 0) break;
      into.set(part, done);
      done += part.length;
    }
    return done;
  }

  /** Undefined where not all of it can be read: what was asked for may lie beside what cannot. */
  #block(index: number): Uint8Array | undefined {
    const known = this.#blocks.get(index);
    if (known !== undefined) return known;
    const bytes = new Uint8Array(BLOCK_SIZE);
    try {
      const got = this.#readThrough(bytes, index * BLOCK_SIZE);
      const block = bytes.subarray(0, got);
      this.#blocks.set(index, block);
      return block;
    } catch (error) {
      if (!(error instanceof FormatError)) throw error;
      return undefined;
    }
  }

  #readThrough(into: Uint8Array, offset: number): number {
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
