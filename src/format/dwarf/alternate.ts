// Which file has the entries and strings that dwz moved out because several files shared them.
//
//   .gnu_debugaltlink   name, NUL, build ID to the end of the section (GNU, since 2012)
//   .debug_sup          version u16 = 5, is_supplementary u8, name, NUL, checksum length uleb,
//                       checksum (DWARF 5, 7.3.6). The alternate file has one, too, that says 1,
//                       no name, and the same checksum.

import { DwarfCursor } from './cursor.ts';

/** The name of a dwz file, and the build ID that it must have. */
export interface AlternateLink {
  /** Absolute, or relative to the folder of the file that refers to it. */
  readonly path: string;
  /** Hex digits; empty where the link has none. */
  readonly buildId: string;
}

/** @throws FormatError if the section ends within the name */
export function readDebugAltLink(bytes: Uint8Array): AlternateLink {
  const cursor = new DwarfCursor(bytes, { section: '.gnu_debugaltlink', base: 0 });
  const path = cursor.string();
  return { path, buildId: toHex(bytes.subarray(cursor.at)) };
}

/** @throws FormatError if the section breaks the format */
export function readDebugSup(bytes: Uint8Array): AlternateLink & { readonly isAlternate: boolean } {
  const cursor = new DwarfCursor(bytes, { section: '.debug_sup', base: 0 });
  const version = cursor.u16();
  if (version !== 5) throw cursor.error(`expected version 5, have ${version}`, 0);
  const isAlternate = cursor.u8() !== 0;
  const path = cursor.string();
  const length = cursor.uleb();
  const start = cursor.at;
  cursor.skip(length);
  return { isAlternate, path, buildId: toHex(bytes.subarray(start, cursor.at)) };
}

function toHex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
