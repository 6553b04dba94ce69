// A sparse temporary file without a name: it is unlinked as soon as it is open, so that nothing is
// left behind however the process ends.

import { closeSync, ftruncateSync, mkdtempSync, openSync, rmdirSync, statfsSync } from 'node:fs';
import { unlinkSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { UnsupportedError } from '../util/errors.ts';
import { FileSource } from './file-source.ts';

/** Zero blocks of this size become holes; it is the block size of most file systems. */
const BLOCK = 4096;
const ZERO_BLOCK = Buffer.alloc(BLOCK);

/** How much is written between two looks at the free room. */
const CHECK_INTERVAL = 64 << 20;

/** Room that is left to the others on the file system. */
const RESERVE = 16 << 20;

/** What the temporary file needs to know; `freeBytes` is for tests. */
export interface TempFileOptions {
  readonly folder: string;
  readonly freeBytes?: (folder: string) => number;
}

/** Appends bytes to a temporary file, and gives it as a source in the end. */
export class SparseTempFile {
  readonly #folder: string;
  readonly #freeBytes: (folder: string) => number;
  readonly #removeName: () => void;
  #fd: number | undefined;
  #size = 0;
  #writtenSinceCheck = 0;

  /** @throws UnsupportedError if no file can be made in the folder */
  constructor(options: TempFileOptions) {
    this.#folder = options.folder;
    this.#freeBytes = options.freeBytes ?? freeBytesOf;
    const { fd, removeName } = this.#guard(() => openNameless(this.#folder));
    this.#fd = fd;
    this.#removeName = removeName;
  }

  /** Bytes so far, holes included. */
  get size(): number {
    return this.#size;
  }

  /** @throws UnsupportedError if `size` more bytes, or the reserve, do not fit */
  requireRoom(size: number): void {
    const free = this.#guard(() => this.#freeBytes(this.#folder));
    if (free >= size + RESERVE) return;
    throw new UnsupportedError(
      `temporary file in ${this.#folder}: no room, expected ${mebibytes(size + RESERVE)} free, ` +
        `have ${mebibytes(free)}; name another folder with --tmp`,
    );
  }

  /** @throws UnsupportedError if there is no room left */
  append(bytes: Uint8Array): void {
    const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
    let runStart = 0;
    let from = 0;
    while (from < buffer.length) {
      // Blocks are those of the file, so that a hole is one for the file system, too.
      const length = Math.min(BLOCK - ((this.#size + from) % BLOCK), buffer.length - from);
      const isZero = buffer.compare(ZERO_BLOCK, 0, length, from, from + length) === 0;
      if (isZero) {
        this.#write(buffer.subarray(runStart, from), this.#size + runStart);
        runStart = from + length;
      }
      from += length;
    }
    this.#write(buffer.subarray(runStart), this.#size + runStart);
    this.#size += buffer.length;
  }

  /** The file as a source called `name`, which takes it over: closing that removes it. */
  finish(name: string): FileSource {
    const fd = this.#fd!;
    // The last bytes may be a hole.
    this.#guard(() => ftruncateSync(fd, this.#size));
    this.#fd = undefined;
    return new TempFileSource(fd, name, this.#removeName);
  }

  /** Gives the room back; for the case that `finish` is not reached. */
  discard(): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
    this.#removeName();
  }

  #write(bytes: Uint8Array, position: number): void {
    this.#writtenSinceCheck += bytes.length;
    if (this.#writtenSinceCheck >= CHECK_INTERVAL) {
      this.requireRoom(0);
      this.#writtenSinceCheck = 0;
    }
    const fd = this.#fd!;
    this.#guard(() => {
      for (let done = 0; done < bytes.length;) {
        done += writeSync(fd, bytes, done, bytes.length - done, position + done);
      }
    });
  }

  /** Turns errors of the file system into ones that say what to do. */
  #guard<T>(work: () => T): T {
    try {
      return work();
    } catch (error) {
      if (!(error instanceof Error && 'code' in error)) throw error;
      const what = `temporary file in ${this.#folder}: ${error.message}`;
      throw new UnsupportedError(`${what}; name another folder with --tmp`, { cause: error });
    }
  }
}

class TempFileSource extends FileSource {
  readonly #removeName: () => void;

  constructor(fd: number, name: string, removeName: () => void) {
    super(fd, name);
    this.#removeName = removeName;
  }

  override close(): void {
    super.close();
    this.#removeName();
  }
}

/** An open file that only we have, and what remains to be done to remove its name. */
function openNameless(folder: string): { fd: number; removeName: () => void } {
  // mkdtemp makes a name that nobody has, in a folder that nobody else may enter.
  const own = mkdtempSync(join(folder, 'stallcore-'));
  const path = join(own, 'unpacked');
  let fd: number;
  try {
    fd = openSync(path, 'wx+', 0o600);
  } catch (error) {
    rmdirSync(own);
    throw error;
  }
  try {
    unlinkSync(path);
  } catch (error) {
    // Windows does not let go of the name of an open file. Then it goes when the file is closed
    // or the process exits.
    if (!(error instanceof Error && 'code' in error)) throw error;
    return { fd, removeName: removeAtExit(own, path) };
  }
  rmdirSync(own);
  return { fd, removeName: () => undefined };
}

function removeAtExit(own: string, path: string): () => void {
  const remove = (): void => {
    process.removeListener('exit', remove);
    unlinkSync(path);
    rmdirSync(own);
  };
  process.on('exit', remove);
  return remove;
}

function freeBytesOf(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / (1 << 20))} MiB`;
}
