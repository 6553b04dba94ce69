// zlib pages, as compress2(3) writes them, unpacked by node's own zlib.

import type { deflateSync } from 'node:zlib';
import { FormatError } from '../../util/errors.ts';
import { Inflater } from './zlib-inflate.ts';

/**
 * Room behind a page in the buffer that zlib fills, so that one that is too long is seen. To
 * inflateSync() it also spares a second call, to hear that all is done.
 */
const ROOM = 64;

/** Only Hexagon and PowerPC 44x have larger pages; what is larger is unpacked on its own. */
const PAGE_MAX = 64 << 10;

/** Null where node's zlib is not built as {@link Inflater} needs it. */
let inflater: Inflater | null | undefined;
let room: Uint8Array | undefined;
let deflate: typeof deflateSync | undefined;

/**
 * Packs with node's zlib, five times as fast as the encoder of our own and a tenth smaller. The
 * bytes differ between releases of node, so that samples are not made with it.
 */
export function deflateZlib(bytes: Uint8Array): Uint8Array {
  deflate ??= process.getBuiltinModule('node:zlib').deflateSync;
  return deflate(bytes);
}

/**
 * Unpacks one zlib stream.
 *
 * @returns exactly `size` bytes
 * @throws FormatError if the stream is damaged or does not unpack to `size` bytes
 */
export function decompressZlib(input: Uint8Array, size: number): Uint8Array {
  return inflated(input, size)?.slice() ?? inflateOnce(input, size);
}

/** As {@link decompressZlib}, into a page that is there: `into` is filled. */
export function decompressZlibInto(input: Uint8Array, into: Uint8Array): void {
  into.set(inflated(input, into.length) ?? inflateOnce(input, into.length));
}

/** The page, in room that the next one takes; undefined where {@link Inflater} does not serve. */
function inflated(input: Uint8Array, size: number): Uint8Array | undefined {
  inflater ??= Inflater.create() ?? null;
  if (inflater === null || size > PAGE_MAX) return undefined;
  room ??= new Uint8Array(PAGE_MAX + ROOM);
  const result = inflater.unpack(input, room.subarray(0, size + ROOM));
  if ('errorCode' in result) throw damaged(result.errorCode);
  if (result.length > size) throw tooLong(size);
  if (result.length < size) throw tooShort(result.length, size);
  return room.subarray(0, size);
}

/** As {@link decompressZlib}, with a state of its own. */
function inflateOnce(input: Uint8Array, size: number): Uint8Array {
  // Not a static import: a plain ELF needs no zlib, and loading it takes more than a millisecond.
  const { inflateSync } = process.getBuiltinModule('node:zlib');
  let inflated: Uint8Array;
  try {
    inflated = inflateSync(input, { maxOutputLength: size, chunkSize: size + ROOM });
  } catch (error) {
    if (!isZlibError(error)) throw error;
    throw error.code === 'ERR_BUFFER_TOO_LARGE' ? tooLong(size) : damaged(error.message);
  }
  if (inflated.length !== size) throw tooShort(inflated.length, size);
  // A copy, since a page cache would keep the room too.
  return new Uint8Array(inflated);
}

function damaged(reason: string): FormatError {
  return new FormatError({ section: 'zlib page' }, `damaged: ${reason}`);
}

function tooLong(size: number): FormatError {
  return new FormatError({ section: 'zlib page' }, `more than ${size} bytes`);
}

function tooShort(length: number, size: number): FormatError {
  return new FormatError({ section: 'zlib page' }, `unpacked ${length} bytes, expected ${size}`);
}

function isZlibError(error: unknown): error is NodeJS.ErrnoException {
  if (!(error instanceof Error) || !('code' in error)) return false;
  return error.code === 'ERR_BUFFER_TOO_LARGE' || String(error.code).startsWith('Z_');
}
