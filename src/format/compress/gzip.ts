// gzip files (RFC 1952), one member or several, and zlib streams (RFC 1950), unpacked in order by
// node's zlib.

import type { Gunzip, Inflate } from 'node:zlib';
import type { ByteSource } from '../../util/io.ts';
import type { UnpackSink } from './unpack.ts';

const CHUNK = 1 << 20;

interface UnpackJob {
  readonly source: ByteSource;
  readonly sink: UnpackSink;
}

/**
 * Unpacks a whole file in order; zlib verifies the checksum and the size of each member.
 *
 * @returns what is wrong with the file; what came before that has been written
 */
export async function unpackGzip(
  source: ByteSource,
  sink: UnpackSink,
): Promise<string | undefined> {
  const gunzip = process.getBuiltinModule('node:zlib').createGunzip({ chunkSize: CHUNK });
  return unpackWith(gunzip, 'gzip file', { source, sink });
}

/** The same of one zlib stream: a compressed section of an ELF file. */
export async function unpackZlib(
  source: ByteSource,
  sink: UnpackSink,
): Promise<string | undefined> {
  const inflate = process.getBuiltinModule('node:zlib').createInflate({ chunkSize: CHUNK });
  return unpackWith(inflate, 'zlib stream', { source, sink });
}

async function unpackWith(
  gunzip: Gunzip | Inflate,
  what: string,
  { source, sink }: UnpackJob,
): Promise<string | undefined> {
  let problem: string | undefined;
  let thrown: { error: unknown } | undefined;
  const ended = new Promise<void>((resolve) => {
    // Written in the event itself: iterating the stream would lose what it still holds when the
    // file turns out to be truncated.
    gunzip.on('data', (bytes: Uint8Array) => {
      try {
        if (thrown === undefined) sink.write(bytes);
      } catch (error) {
        thrown = { error };
        gunzip.destroy();
      }
    });
    gunzip.on('error', (error: NodeJS.ErrnoException) => {
      problem = `${what}: ${problemWords(error)} near byte ${gunzip.bytesWritten}`;
    });
    gunzip.on('close', resolve);
  });
  await feed(gunzip, { source, sink }, ended);
  await ended;
  // The sink's own errors, such as a full disk, are not the file's.
  if (thrown !== undefined) throw thrown.error;
  return problem;
}

function problemWords(error: NodeJS.ErrnoException): string {
  return error.code === 'Z_BUF_ERROR' ? 'the file is truncated' : `damaged (${error.message})`;
}

/** Hands the file to `gunzip`, a chunk after the other, until its end or until `ended`. */
async function feed(
  gunzip: Gunzip | Inflate,
  packed: UnpackJob,
  ended: Promise<void>,
): Promise<void> {
  const { source, sink } = packed;
  for (let offset = 0; offset < source.size && !gunzip.destroyed;) {
    sink.consumed(offset);
    // A new buffer each time: the stream works on it while we go on.
    const chunk = new Uint8Array(Math.min(CHUNK, source.size - offset));
    const length = source.readInto(chunk, offset);
    if (length === 0) break;
    offset += length;
    const used = new Promise<void>((resolve) => {
      gunzip.write(chunk.subarray(0, length), () => resolve());
    });
    // A stream that fails on a chunk never calls back for it.
    await Promise.race([used, ended]);
  }
  if (!gunzip.destroyed) gunzip.end();
}
