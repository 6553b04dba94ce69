// System.map, what nm(1) printed of the vmlinux when the kernel was built, one symbol a line:
//
//   ffffffff81000000 T _text
//   0000000000031980 A runqueues
//
// Distributions may install one line of text instead that says where the file is.

import { FormatError } from '../util/errors.ts';
import type { ListedSymbol } from './symbol-list.ts';

/** Lines that are not symbols may be a few; a file of nothing else is no System.map. */
const LINE = /^([0-9a-f]{8}|[0-9a-f]{16}) ([A-Za-z?]) (\S+)(?:\s+\[\w+\])?$/;

/**
 * The symbols of a System.map, or of /proc/kallsyms, whose modules are left out.
 *
 * @throws FormatError naming the first line that is no symbol, or if all addresses are zero, as
 *   /proc/kallsyms shows them to those who may not see them
 */
export function parseSystemMap(text: string): ListedSymbol[] {
  const section = 'System.map';
  const symbols: ListedSymbol[] = [];
  let offset = 0;
  for (const line of text.split('\n')) {
    const [, address, type, name] = LINE.exec(line.trimEnd()) ?? [];
    if (address !== undefined && type !== undefined && name !== undefined) {
      if (!line.includes('[')) symbols.push({ name, value: BigInt(`0x${address}`), type });
    } else if (line.trim() !== '') {
      const have = /[^\t\x20-\x7e]/.test(line) ? 'binary data' : JSON.stringify(line.slice(0, 80));
      throw new FormatError({ section, offset }, `expected \`address type name\`, have ${have}`);
    }
    offset += line.length + 1;
  }
  if (symbols.every(({ value }) => value === 0n)) {
    const have = symbols.length === 0 ? 'no symbols' : 'zero for each';
    throw new FormatError({ section }, `expected addresses, have ${have}`);
  }
  return symbols;
}
