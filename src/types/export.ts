// `stallcore structs export`: from the types of one kernel to the text of a layout file.

import type { TypeSource } from './ctype.ts';
import type { LayoutIdentity } from './layout.ts';
import { readLayout } from './layout.ts';
import { writeLayout, type LayoutContents, type TypeName } from './layout-write.ts';
import { InvalidError } from '../util/errors.ts';
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
  /** Of those what every kernel has: types of a part of one, as of a module, or damaged ones. */
  readonly lacking: readonly TypeName[];
}

/** No types without it are those of a kernel. */
const NEEDED: TypeName = 'struct task_struct';

/** In every Linux since 2.6, with and without an MMU. */
const EVERY_KERNEL_HAS: readonly TypeName[] = [
  NEEDED,
  ...(['struct list_head', 'struct mm_struct', 'struct zone', 'struct pglist_data'] as const),
];

/**
 * Makes a layout file. The result is read back and resolved before it is handed out, so that a
 * file that we write is one that we read.
 *
 * @throws FormatError or InvalidError if the types are damaged, or those of no kernel
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
  if (options.names === undefined && missing.includes(NEEDED)) {
    throw new InvalidError(`${types.origin}: not of a kernel, expected a ${NEEDED}, have none`);
  }
  return { text, missing, lacking: EVERY_KERNEL_HAS.filter((name) => missing.includes(name)) };
}

/** The name under which a layout file lies in structs/: `6.1.0-13-amd64-x86_64.json`. */
export function layoutFileName(identity: LayoutIdentity): string {
  const safe = (text: string): string => text.replace(/[^\w.+-]/g, '_');
  return `${safe(identity.release ?? 'any')}-${safe(identity.arch)}.json`;
}
