// What unpacking a whole file in order writes to.

/** Takes the unpacked bytes of a file, in their order. */
export interface UnpackSink {
  /** The bytes are the sink's only until it returns. */
  write(bytes: Uint8Array): void;
  /** Told now and then up to which byte of the packed file all is done. */
  consumed(offset: number): void;
}
