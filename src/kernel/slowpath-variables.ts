// What __alloc_pages_slowpath() (mm/page_alloc.c) was asked for, of a task that is in it and not in
// reclaim, so that no scan_control says it.
//
// The compiler keeps the mask and the order somewhere in the function's frame, at one distance from
// its end in all tasks. Where, no type information tells; but other tasks of the same dump do, of
// which the mask and the order are known. A place that has held the right value in each of them,
// while the values differed, is where the variable lies. A variable that is kept in a register has
// no such place, and stays unknown.

import type { Vmcore } from '../target/vmcore.ts';
import { vaddr } from '../util/address.ts';
import { VmcoreError } from '../util/errors.ts';
import { functionName } from './function-name.ts';
import { variablesOf } from './stack-locals.ts';
import type { StackFrame } from './stack.ts';

/** What a request is for. */
export interface RequestWords {
  readonly gfpMask: number;
  /** log2 of the pages. */
  readonly order: number;
}

/** A variable that was read where others have it. */
export interface LearnedValue {
  readonly value: number;
  /** How many tasks showed where it lies. */
  readonly witnesses: number;
}

/** Fewer tasks than this may agree by chance. */
const WITNESSES_MIN = 3;

/**
 * How many different values they must have had. Two masks are enough, no other word is like them;
 * 0 and 1 are everywhere.
 */
const VALUES_MIN: Readonly<Record<keyof RequestWords, number>> = { gfpMask: 2, order: 3 };

/** The function's frame has 200 to 500 bytes; no call depth makes it larger. */
const WORDS_MAX = 512;

/** The frame of one call, as 32-bit words from its end: word 0 is just below the caller's frame. */
type FrameWords = Uint32Array;

/** A request whose words are known, with its frame. */
interface Witness {
  readonly words: FrameWords;
  readonly request: RequestWords;
}

/** Learns where the function keeps its arguments, and reads them. */
export class SlowPathVariables {
  readonly #vmcore: Vmcore;
  readonly #witnesses: Witness[] = [];
  readonly #places = new Map<keyof RequestWords, readonly number[]>();

  constructor(vmcore: Vmcore) {
    this.#vmcore = vmcore;
  }

  /** A task in the function, of which it is known what it asks for. */
  learn(frames: readonly StackFrame[], request: RequestWords): void {
    // Of a request inside another it is not known whose words these are.
    if (frames.filter(isSlowPath).length !== 1) return;
    const words = this.#words(frames);
    if (words === undefined) return;
    this.#witnesses.push({ words, request });
    this.#places.clear();
  }

  /** A variable of a task; undefined where its place is not known for sure. */
  read(frames: readonly StackFrame[], variable: keyof RequestWords): LearnedValue | undefined {
    let places = this.#places.get(variable);
    if (places === undefined) {
      places = placesOf(this.#witnesses, variable);
      this.#places.set(variable, places);
    }
    const words = places.length === 0 ? undefined : this.#words(frames);
    if (words === undefined) return undefined;
    // Copies of it: a place that somebody else has used since, at some depth of calls, differs.
    const values = new Set(places.map((place) => words[place]));
    const [value] = values;
    if (values.size !== 1 || value === undefined) return undefined;
    return { value, witnesses: this.#witnesses.length };
  }

  /** The frame of the outermost call, which is the request itself: others are made by reclaim. */
  #words(frames: readonly StackFrame[]): FrameWords | undefined {
    const frame = frames.findLast(isSlowPath);
    const range = frame === undefined ? undefined : variablesOf(frame);
    if (range === undefined) return undefined;
    const count = Math.min(Number(range.end - range.start) >> 2, WORDS_MAX);
    try {
      const bytes = this.#vmcore.readBytes(
        vaddr(range.end - BigInt(count * 4)),
        count * 4,
        'stack',
      );
      const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
      return Uint32Array.from({ length: count }, (_, i) =>
        view.getUint32((count - 1 - i) * 4, true),
      );
    } catch (error) {
      // The unwinder has read this stack and told what of it is missing.
      if (!(error instanceof VmcoreError)) throw error;
      return undefined;
    }
  }
}

function isSlowPath({ name }: StackFrame): boolean {
  return name !== undefined && functionName(name) === '__alloc_pages_slowpath';
}

/** Where each witness has its own value, as long as they do not all have the same. */
function placesOf(witnesses: readonly Witness[], variable: keyof RequestWords): number[] {
  const values = new Set(witnesses.map(({ request }) => request[variable]));
  if (witnesses.length < WITNESSES_MIN || values.size < VALUES_MIN[variable]) return [];
  const places: number[] = [];
  for (let place = 0; place < WORDS_MAX; place++) {
    if (witnesses.every(({ words, request }) => words[place] === request[variable])) {
      places.push(place);
    }
  }
  return places;
}
