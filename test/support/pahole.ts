// Structs as pahole lays them out, for differential tests.

import { execFileSync } from 'node:child_process';

/** A struct as pahole prints it. */
export interface PaholeStruct {
  readonly name: string;
  readonly size: number;
  /** Direct members that have a name; `size` is in bits for a bit field, else in bytes. */
  readonly members: readonly { name: string; bitOffset: number; size: number }[];
}

/** Structs of a file by name, or all that pahole has; it leaves out what it does not find. */
export function paholeStructs(
  file: { path: string; format: 'btf' | 'dwarf' },
  names?: readonly string[],
): PaholeStruct[] {
  const wanted = names === undefined ? [] : ['-C', names.join(',')];
  const args = ['-F', file.format, ...wanted, file.path];
  const text = execFileSync('pahole', args, { encoding: 'latin1', maxBuffer: 1 << 28 });
  return [...text.matchAll(/^struct (\w+) \{\n([^]*?)^\t\/\* size: (\d+)/gm)].map(
    ([, name = '', body = '', size]) => ({
      name,
      size: Number(size),
      members: body.split('\n').flatMap(paholeMember),
    }),
  );
}

/** A direct member: one tab, type, name, dimensions, width, attribute, offset: bit, size. */
const MEMBER = new RegExp(
  [
    /^\t[^\t].*?\(?\*?(\w+)\)?(?:\([^;]*\))?(?:\[\d*\])*(?::(\d+))?/,
    /(?: __attribute__\(\(.*\)\))?;\s+\/\*\s+(\d+)(?::\s*(\d+))?\s+(\d+) \*\/$/,
  ]
    .map((part) => part.source)
    .join(''),
);

function paholeMember(line: string): { name: string; bitOffset: number; size: number }[] {
  const [, name = '', bits, offset, bit = '0', size] = MEMBER.exec(line) ?? [];
  if (name === '' || line.startsWith('\t}')) return [];
  return [{ name, bitOffset: Number(offset) * 8 + Number(bit), size: Number(bits ?? size) }];
}
