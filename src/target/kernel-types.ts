// Where the types of the dumped kernel come from: a layout file that the user names, BTF in the
// dump, else a layout file of ours that was made from this very kernel.

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { readBtf } from '../format/btf/read.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import { BtfTypes } from '../types/btf-types.ts';
import type { CType, TypeSource } from '../types/ctype.ts';
import { readLayout, type LayoutTypes } from '../types/layout.ts';
import { FormatError, InvalidError } from '../util/errors.ts';
import type { Problems } from '../util/problems.ts';
import type { KernelIdentity } from './identity.ts';
import { fileName, inFile } from './in-file.ts';
import type { SymbolTable } from './symbols.ts';
import type { Vmlinux } from './vmlinux.ts';

/** What {@link findTypes} looks at. */
export interface TypeSearch {
  readonly space: AddressSpace;
  readonly symbols: SymbolTable;
  readonly identity: KernelIdentity;
  readonly problems: Problems;
  /** A layout file that the user names; it goes before everything else. */
  readonly layoutPath: string | undefined;
  /** A vmlinux that the user names, for its BTF. */
  readonly vmlinux: Vmlinux | undefined;
}

/** BTF of a distribution's kernel is 4 to 10 MB. */
const BTF_SIZE_MAX = 256 << 20;

/** The types of the kernel; {@link NO_TYPES} and a problem where none are found. */
export function findTypes(search: TypeSearch): TypeSource {
  const { layoutPath, problems } = search;
  if (layoutPath !== undefined) return layoutFromFile(layoutPath, search);
  if (search.vmlinux?.types !== undefined) return search.vmlinux.types;
  const btf = problems.attempt('BTF in the dump', () => btfInDump(search));
  if (btf !== undefined) return btf;
  const shipped = shippedLayout(search.identity);
  if (shipped !== undefined) return shipped;
  const what = 'the dump has no BTF, and no layout file in structs/ was made from this kernel';
  problems.addMessage('types', `${what} (--layout names one)`, 'lookup');
  return NO_TYPES;
}

/** A kernel of which no type is known. */
export const NO_TYPES: TypeSource = {
  origin: 'none',
  find: (): CType | undefined => undefined,
  findEnumerator: (): bigint | undefined => undefined,
};

/** BTF between `__start_BTF` and `__stop_BTF` (CONFIG_DEBUG_INFO_BTF, v5.2). */
function btfInDump({ space, symbols }: TypeSearch): TypeSource | undefined {
  const start = symbols.lookup('__start_BTF');
  const stop = symbols.lookup('__stop_BTF');
  if (start === undefined || stop === undefined || stop === start) return undefined;
  const size = stop - start;
  if (size < 0n || size > BigInt(BTF_SIZE_MAX)) {
    throw new FormatError(
      { section: '__start_BTF' },
      `expected up to ${BTF_SIZE_MAX} bytes, have ${size}`,
    );
  }
  return new BtfTypes(readBtf(space.read(start, Number(size))));
}

/** A layout of another kernel would decode to nonsense, so one that names its kernel must match. */
function layoutFromFile(path: string, { identity, problems }: TypeSearch): TypeSource {
  const text = readFileSync(path, 'utf8');
  const layout = inFile(path, () => readLayout(text, `layout file ${fileName(path)}`));
  const { buildId, banner, release } = layout.file;
  const isNamed = buildId !== null || banner !== null;
  if (!isNamed && release !== null && release !== identity.release.value) {
    const what = `made from kernel ${release}; the dump is of ${identity.release.value}`;
    throw new InvalidError(`layout file ${fileName(path)}: ${what}`);
  }
  if (!isNamed) {
    const what = 'it has neither build ID nor banner to compare: taken unproved';
    problems.addMessage(`layout file ${fileName(path)}`, what);
  }
  if (isNamed && !fits(layout, identity)) {
    throw new InvalidError(
      `layout file ${fileName(path)}: made from kernel ${layout.file.release ?? banner}, ` +
        `build ID ${buildId}; the dump is of ${identity.release.value}, ` +
        `build ID ${identity.buildId?.value ?? 'unknown'}`,
    );
  }
  return layout;
}

function fits({ file }: LayoutTypes, identity: KernelIdentity): boolean {
  if (file.buildId !== null && identity.buildId !== undefined) {
    return file.buildId === identity.buildId.value;
  }
  return file.banner !== null && file.banner === identity.banner?.value;
}

/** The layout in structs/ whose build ID, else whose exact banner, is that of the dump. */
function shippedLayout(identity: KernelIdentity): TypeSource | undefined {
  const folder = structsFolder();
  if (folder === undefined) return undefined;
  const wanted = [identity.buildId?.value, identity.banner?.value].filter((id) => id !== undefined);
  for (const name of readdirSync(folder).sort()) {
    if (!name.endsWith('.json') || name === 'schema.json') continue;
    const text = readFileSync(`${folder}/${name}`, 'utf8');
    // Parsing all of them would take longer than reading the dump.
    if (!wanted.some((id) => text.includes(JSON.stringify(id)))) continue;
    const layout = readLayout(text, `structs/${name}`);
    if (fits(layout, identity)) return layout;
  }
  return undefined;
}

/** structs/ of this package, seen from src/target/ or from the bundle in dist/. */
export function structsFolder(): string | undefined {
  return ['../structs', '../../structs']
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path));
}
