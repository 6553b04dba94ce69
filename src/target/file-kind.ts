// Which kind of file a user has given in the place of another: a vmlinux before the vmcore, as
// crash(8) wants it, a System.map where a layout file is expected. It goes by how the file begins.

import { ET_DYN, ET_EXEC } from '../format/elf/constants.ts';
import { isElf, readElfHeader } from '../format/elf/read.ts';
import { latin1 } from '../util/byte-reader.ts';
import { InvalidError, VmcoreError } from '../util/errors.ts';
import { BytesSource, type ByteSource } from '../util/io.ts';

/** A file that has an option of its own, by which it is given. */
export type FileKind = 'vmlinux' | 'system-map' | 'layout';

const WORDS: Readonly<Record<FileKind, string>> = {
  vmlinux: 'a vmlinux (or another program)',
  'system-map': 'a System.map',
  layout: 'a layout file (or other JSON)',
};

/** As much of a file as is looked at. */
const HEAD_SIZE = 256;

/** How a file begins; all of one that is shorter. */
export function headOf(source: ByteSource): Uint8Array {
  const head = new Uint8Array(Math.min(source.size, HEAD_SIZE));
  source.readInto(head, 0);
  return head;
}

/** {@link headOf} a text that has been read; bytes above 0x7f are cut to something else. */
export function headOfText(text: string): Uint8Array {
  return Buffer.from(text.slice(0, HEAD_SIZE), 'latin1');
}

/** undefined for all else: dumps, and what is no file of ours. */
export function kindOf(head: Uint8Array): FileKind | undefined {
  if (isElf(head)) return isProgram(head) ? 'vmlinux' : undefined;
  const text = latin1(head);
  if (/^[0-9a-f]{8,16} [A-Za-z?] [!-~]+\r?\n/.test(text)) return 'system-map';
  return /^\s*\{\s*"[\s -~]*$/.test(text) ? 'layout' : undefined;
}

function isProgram(head: Uint8Array): boolean {
  try {
    return [ET_EXEC, ET_DYN].includes(readElfHeader(new BytesSource(head, 'ELF')).type);
  } catch (error) {
    if (!(error instanceof VmcoreError)) throw error;
    return false;
  }
}

/** What it is, and how it is given. */
export function kindText(kind: FileKind): string {
  return `this is ${WORDS[kind]}, to be given beside the vmcore with --${kind}`;
}

/** @throws InvalidError for a file that is plainly of another kind than its option takes */
export function refuseOtherKind(name: string, head: Uint8Array, wanted: FileKind): void {
  const kind = kindOf(head);
  if (kind === undefined || kind === wanted) return;
  throw new InvalidError(`${name}: expected ${WORDS[wanted]}; ${kindText(kind)}`);
}
