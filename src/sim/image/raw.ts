// A machine's memory as a raw image, as QEMU's pmemsave and snapshots of virtual machines are: byte
// n of the file is physical address n. What is not stored is a hole, and reads as zero.

import type { ByteSink } from '../../util/io.ts';
import type { MachineImage } from './machine.ts';

/** Writes the file. */
export function writeRaw({ physical }: MachineImage, sink: ByteSink): void {
  // First, since the file reaches to the end of RAM, whoever uses that.
  sink.write(new Uint8Array(1), physical.end - 1);
  for (const { start, end } of physical.ranges()) {
    for (let at = start; at < end; at += CHUNK_SIZE) {
      sink.write(physical.read(at, Math.min(CHUNK_SIZE, end - at)), at);
    }
  }
}

/** Bytes that are copied at once. */
const CHUNK_SIZE = 1 << 20;
