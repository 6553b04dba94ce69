// Unpacks many small zlib streams with one inflate state of node's.
//
// zlib.inflateSync() makes a stream object and a window for every call: for a page of 4 KiB that
// takes twice as long as the unpacking itself, and a dump has thousands. The handle behind a
// stream of node:zlib can be reset and used again, but only its own methods are documented, not
// the handle. So it is taken only where it looks and works as it does in Node 20 to 24
// (lib/zlib.js, class ZlibBase); elsewhere there is none, and inflateSync() serves.

import type { Inflate } from 'node:zlib';

/** What a stream gave: so many bytes, or the code of zlib's complaint, such as `Z_DATA_ERROR`. */
export type Inflated = { readonly length: number } | { readonly errorCode: string };

/** What node's binding has (src/node_zlib.cc, class ZlibStream). */
interface ZlibHandle {
  /** Runs at once; leaves what is left of room and input in the write state, or calls onerror. */
  writeSync(
    flush: number,
    input: Uint8Array,
    inputOffset: number,
    inputLength: number,
    output: Uint8Array,
    outputOffset: number,
    outputLength: number,
  ): void;
  reset(): void;
  onerror: (message: string, errno: number, code: string) => void;
}

/** `zlib.deflateSync('stallcore')`: what the handle is tried with. */
const TRIAL = '789c2b2e49ccc949ce2f4a0500132103ca';
const TRIAL_TEXT = 'stallcore';

/** One inflate state, used for stream after stream. */
export class Inflater {
  readonly #handle: ZlibHandle;
  readonly #writeState: Uint32Array;
  readonly #finish: number;
  #errorCode: string | undefined;

  private constructor(handle: ZlibHandle, writeState: Uint32Array, finish: number) {
    this.#handle = handle;
    this.#writeState = writeState;
    this.#finish = finish;
    handle.onerror = (_message, _errno, code): void => {
      this.#errorCode = code;
    };
  }

  /** An inflater, or undefined where node's streams are not built as expected. */
  static create(): Inflater | undefined {
    const { createInflate, constants } = process.getBuiltinModule('node:zlib');
    const stream = createInflate() as Inflate & { _handle?: unknown; _writeState?: unknown };
    const { _handle: handle, _writeState: writeState } = stream;
    if (!isZlibHandle(handle) || !(writeState instanceof Uint32Array)) return undefined;
    const inflater = new Inflater(handle, writeState, constants.Z_FINISH);
    return inflater.#works() ? inflater : undefined;
  }

  /** Unpacks one stream to the start of `output`; a full `output` may not be all of it. */
  unpack(input: Uint8Array, output: Uint8Array): Inflated {
    this.#errorCode = undefined;
    this.#handle.writeSync(this.#finish, input, 0, input.length, output, 0, output.length);
    const errorCode = this.#errorCode as string | undefined;
    const room = this.#writeState[0] as number;
    this.#handle.reset();
    return errorCode === undefined ? { length: output.length - room } : { errorCode };
  }

  #works(): boolean {
    const trial = Uint8Array.from(Buffer.from(TRIAL, 'hex'));
    const output = new Uint8Array(64);
    const cut = this.unpack(trial.subarray(0, -3), output);
    const whole = this.unpack(trial, output);
    return (
      'errorCode' in cut &&
      'length' in whole &&
      Buffer.from(output.subarray(0, whole.length)).toString() === TRIAL_TEXT
    );
  }
}

function isZlibHandle(value: unknown): value is ZlibHandle {
  if (typeof value !== 'object' || value === null) return false;
  const { writeSync, reset } = value as Partial<Record<keyof ZlibHandle, unknown>>;
  return typeof writeSync === 'function' && typeof reset === 'function';
}
