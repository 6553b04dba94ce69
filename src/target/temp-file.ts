// A sparse temporary file without a name: it is unlinked as soon as it is open, so that nothing is
// left behind however the process ends.

import { closeSync, ftruncateSync, mkdtempSync, openSync } from 'node:fs';
import { rmdirSync, statfsSync, unlinkSync, writeSync } from 'node:fs';
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
  #fd: number | undefined;
  #size = 0;
  #writtenSinceCheck = 0;

  /** @throws UnsupportedError if no file can be made in the folder */
  constructor(options: TempFileOptions) {
    this.#folder = options.folder;
    this.#freeBytes = options.freeBytes ?? freeBytesOf;
    this.#fd = this.#guard(() => openNameless(this.#folder));
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
    return new FileSource(fd, name);
  }

  /** Gives the room back; for the case that `finish` is not reached. */
  discard(): void {
    if (this.#fd === undefined) return;
    closeSync(this.#fd);
    this.#fd = undefined;
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

/**
 * An open file that only we have. It loses its name at once: the room is given back when the
 * descriptor is closed, by us or by the end of the process. (NFS renames such a file and removes it
 * then; Windows hides it until then.)
 */
function openNameless(folder: string): number {
  // mkdtemp finds a name that nobody has; the file stands beside that folder, not in it, since NFS
  // would leave the renamed file there and the folder could not be removed.
  const unique = mkdtempSync(join(folder, 'stallcore-'));
  const path = `${unique}.unpacked`;
  let fd: number;
  try {
    fd = openSync(path, 'wx+', 0o600);
  } finally {
    rmdirSync(unique);
  }
  try {
    unlinkSync(path);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
  return fd;
}

function freeBytesOf(folder: string): number {
  const { bavail, bsize } = statfsSync(folder);
  return bavail * bsize;
}

function mebibytes(bytes: number): string {
  return `${Math.ceil(bytes / (1 << 20))} MiB`;
}
