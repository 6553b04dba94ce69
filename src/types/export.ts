// `stallcore structs export`: from the types of one kernel to the text of a layout file.

import type { TypeSource } from './ctype.ts';
import type { LayoutIdentity } from './layout.ts';
import { readLayout } from './layout.ts';
import { writeLayout, type LayoutContents, type TypeName } from './layout-write.ts';
import { USED_ENUMERATORS, USED_TYPES } from './used-structs.ts';

/** What goes into an exported layout file besides the types that stallcore reads. */
export interface ExportOptions {
  readonly identity: LayoutIdentity;
  /** Other types to export, in place of those that stallcore reads. */
  readonly names?: readonly TypeName[];
  /** Bits that no type carries: `{ TIF: { TIF_MEMDIE: 20 } }`. */
  readonly flags?: LayoutContents['flags'];
}

/** An exported layout. */
export interface ExportedLayout {
  /** The text of the file. */
  readonly text: string;
  /** Asked for and not in this kernel. */
  readonly missing: readonly TypeName[];
}

/**
 * Makes a layout file. The result is read back and resolved before it is handed out, so that a
 * file that we write is one that we read.
 *
 * @throws FormatError or InvalidError if the types are damaged
 */
export function exportLayout(types: TypeSource, options: ExportOptions): ExportedLayout {
  const { identity, names = USED_TYPES, flags = {} } = options;
  const enumerators = options.names === undefined ? USED_ENUMERATORS : [];
  const text = writeLayout(types, { identity, names, enumerators, flags });
  const layout = readLayout(text, 'the exported layout');
  layout.checkAll();
  const missing = names.filter((name) => {
    const [kind, tag = ''] = name.split(' ') as ['struct' | 'union' | 'enum' | 'typedef', string];
    return layout.find(kind, tag) === undefined;
  });
  return { text, missing };
}

/** The name under which a layout file lies in structs/: `6.1.0-13-amd64-x86_64.json`. */
export function layoutFileName(identity: LayoutIdentity): string {
  const safe = (text: string): string => text.replace(/[^\w.+-]/g, '_');
  return `${safe(identity.release ?? 'any')}-${safe(identity.arch)}.json`;
}
