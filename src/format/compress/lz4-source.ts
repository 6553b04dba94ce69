// lz4 files with independent blocks, read in place: block headers alone make the index.
//
// They do not say how much a block unpacks to. Every writer that we know fills all blocks but the
// last of a frame, but the format does not ask for it. So: a content size proves it, and without
// one the last block and a sample of the others are unpacked. A file that fails is not read in
// place; a block that still differs later is an error then.

import { errorChain, VmcoreError } from '../../util/errors.ts';
import type { ByteSource } from '../../util/io.ts';
import { walkLz4, type Lz4Block } from './lz4-frame.ts';
import { unpackLz4Block } from './lz4-unpack.ts';
import { PIECES_MAX, PiecedSource, type Piece } from './pieces.ts';

/** Blocks that are unpacked while the file is opened; each takes 2 to 9 ms for 4 MiB. */
const PROBES_MAX = 32;
const SAMPLES_PER_FRAME = 6;

interface Lz4Piece extends Piece {
  readonly block: Lz4Block;
}

/** A packed file as the bytes inside it. */
export interface OpenedInPlace {
  readonly source: ByteSource;
  /** What is wrong with the file, where it is damaged or truncated behind what `source` has. */
  readonly problem: string | undefined;
}

/** The blocks of one frame, and whether its end was seen. */
interface FrameBlocks {
  readonly blocks: Lz4Block[];
  hasEnd: boolean;
}

/**
 * Opens an lz4 file for reading at any offset. Content checksums, which are over all of a frame,
 * are not verified; block checksums are, as blocks are read.
 *
 * @returns undefined where the file has to be unpacked as a whole
 */
export function openLz4InPlace(source: ByteSource): OpenedInPlace | undefined {
  const { frames, problem } = listFrames(source);
  if (frames === undefined) return undefined;
  const pieces: Lz4Piece[] = [];
  const budget = { probes: PROBES_MAX };
  let start = 0;
  for (const frame of frames) {
    const sizes = blockSizes(source, frame, budget);
    if (sizes === undefined) return undefined;
    for (const [index, block] of frame.blocks.entries()) {
      const size = index === frame.blocks.length - 1 ? sizes.last : sizes.each;
      if (size > 0) pieces.push({ start, size, block });
      start += size;
    }
  }
  const opened = new PiecedSource(source.name, pieces, ({ block }) =>
    unpackLz4Block(source, block),
  );
  return { source: opened, problem };
}

/** `frames` is undefined where one has linked blocks, or there are too many blocks. */
function listFrames(source: ByteSource): {
  frames: FrameBlocks[] | undefined;
  problem: string | undefined;
} {
  const frames: FrameBlocks[] = [];
  let current: FrameBlocks = { blocks: [], hasEnd: false };
  let count = 0;
  try {
    for (const part of walkLz4(source)) {
      if (part.type === 'frame') {
        if (!part.frame.isIndependent) return { frames: undefined, problem: undefined };
        current = { blocks: [], hasEnd: false };
      } else if (part.type === 'block') {
        if (++count > PIECES_MAX) return { frames: undefined, problem: undefined };
        if (current.blocks.length === 0) frames.push(current);
        current.blocks.push(part.block);
      } else {
        current.hasEnd = true;
      }
    }
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    return { frames, problem: errorChain(error) };
  }
  return { frames, problem: undefined };
}

/** The unpacked sizes of a frame's blocks; undefined if they are not all full but the last. */
function blockSizes(
  source: ByteSource,
  { blocks, hasEnd }: FrameBlocks,
  budget: { probes: number },
): { each: number; last: number } | undefined {
  const last = blocks.at(-1)!;
  const { contentSize, blockSizeMax: each } = last.frame;
  if (contentSize !== undefined && hasEnd) {
    // No block can hold more than `each`, so a remainder in range proves that they all are full.
    const rest = contentSize - (blocks.length - 1) * each;
    return rest >= 0 && rest <= each ? { each, last: rest } : undefined;
  }
  const step = Math.ceil(blocks.length / SAMPLES_PER_FRAME);
  for (let index = 0; index < blocks.length - 1; index += step) {
    if (probe(source, blocks[index]!, budget) !== each) return undefined;
  }
  const lastSize = probe(source, last, budget);
  return lastSize === undefined ? undefined : { each, last: lastSize };
}

/** The unpacked size of a block; undefined if it is damaged or enough were unpacked already. */
function probe(
  source: ByteSource,
  block: Lz4Block,
  budget: { probes: number },
): number | undefined {
  if (block.isRaw) return block.packedSize;
  if (budget.probes-- <= 0) return undefined;
  try {
    return unpackLz4Block(source, block).length;
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    return undefined;
  }
}
