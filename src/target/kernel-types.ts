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
import { AskedTypes } from './asked-types.ts';
import { headOfText, refuseOtherKind } from './file-kind.ts';
import type { KernelIdentity } from './identity.ts';
import { fileName, inFile } from './in-file.ts';
import { whyNoTypes } from './no-types.ts';
import type { Packed } from './packed.ts';
import { disproveTypes } from './prove-types.ts';
import { FORCE_HINT } from './same-kernel.ts';
import type { SymbolTable } from './symbols.ts';
import type { Vmlinux } from './vmlinux.ts';
import { unrecorded, type Watch } from './watch.ts';

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
  /** A layout file of another kernel is taken all the same. */
  readonly force: boolean;
  /** The note of a packed dump. */
  readonly packed: Packed | undefined;
  readonly watch: Watch | undefined;
}

/** BTF of a distribution's kernel is 4 to 10 MB. */
const BTF_SIZE_MAX = 256 << 20;

/** The types of the kernel; {@link NO_TYPES} and a problem where none are found. */
export function findTypes(search: TypeSearch): TypeSource {
  const { watch, space } = search;
  const found = unrecorded(watch, space, () => findSource(search));
  if (watch === undefined) return found;
  const asked = new AskedTypes(found);
  watch.types(asked);
  return asked;
}

function findSource(search: TypeSearch): TypeSource {
  const { layoutPath, problems, packed } = search;
  const named = layoutPath === undefined ? ofVmlinux(search) : layoutFromFile(layoutPath, search);
  if (named !== undefined) return named;
  if (packed !== undefined) {
    packed.tellProblems('types', problems);
    return packed.facts.types.origin === NO_TYPES.origin ? NO_TYPES : packed.types(problems);
  }
  const btf = problems.attempt('BTF in the dump', () => btfInDump(search));
  if (btf !== undefined) return btf;
  const shipped = shippedLayout(search.identity);
  if (shipped !== undefined) return shipped;
  problems.addMessage('types', whyNoTypes(search), 'lookup');
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

/** Those of the user's vmlinux; of one that is forced on the dump only if they can be right. */
function ofVmlinux(search: TypeSearch): TypeSource | undefined {
  const types = search.vmlinux?.types;
  if (types === undefined || !search.force) return types;
  const wrong = disproveTypes(types, search);
  if (wrong === undefined) return types;
  search.problems.addMessage(types.origin, `${wrong}: ${LEFT_OUT}`);
  return undefined;
}

const LEFT_OUT = 'left out, although --force was given';

/** A layout of another kernel would decode to nonsense, so one that names its kernel must match. */
function layoutFromFile(path: string, search: TypeSearch): TypeSource | undefined {
  const { identity, problems, force } = search;
  const text = readFileSync(path, 'utf8');
  const subject = `layout file ${fileName(path)}`;
  refuseOtherKind(fileName(path), headOfText(text), 'layout');
  const layout = inFile(path, () => readLayout(text, subject));
  const doubt = doubtOf(layout, identity);
  if (doubt === undefined) return layout;
  const { what, isOther } = doubt;
  if (isOther && !force) throw new InvalidError(`${subject}: ${what} (${FORCE_HINT})`);
  const wrong = disproveTypes(layout, search);
  if (wrong !== undefined && !force) throw new InvalidError(`${subject}: ${wrong}`);
  if (wrong !== undefined) problems.addMessage(subject, `${what}; ${wrong}: ${LEFT_OUT}`);
  else if (isOther) problems.addForced(subject, `${what}; taken all the same`);
  else problems.addMessage(subject, `${what}: taken unproved`);
  return wrong === undefined ? layout : undefined;
}

/** Why a layout file may be of another kernel, or is; undefined where it is proved to be not. */
function doubtOf(
  layout: LayoutTypes,
  identity: KernelIdentity,
): { what: string; isOther: boolean } | undefined {
  const proof = compare(layout, identity);
  const release = layout.file.release ?? identity.release.value;
  if (proof === undefined ? release !== identity.release.value : !proof.isSame) {
    const by = proof === undefined ? '' : `, ${proof.by} ${proof.own}`;
    const dumps = proof === undefined ? '' : `, ${proof.by} ${proof.dumps}`;
    const own = `made from kernel ${release}${by}`;
    return { what: `${own}; the dump is of ${identity.release.value}${dumps}`, isOther: true };
  }
  if (proof !== undefined) return undefined;
  const { buildId, banner } = layout.file;
  const what =
    buildId === null && banner === null
      ? 'it has neither build ID nor banner to compare'
      : 'the build ID or banner that it names was not found in the dump';
  return { what, isOther: false };
}

/** What a layout file and a dump both say of their kernel. */
interface Proof {
  readonly by: 'build ID' | 'banner';
  readonly own: string;
  readonly dumps: string;
  readonly isSame: boolean;
}

/** The build ID goes before the banner; undefined where there is neither in both. */
function compare({ file }: LayoutTypes, identity: KernelIdentity): Proof | undefined {
  const names = [
    ['build ID', file.buildId, identity.buildId?.value],
    ['banner', file.banner, identity.banner?.value],
  ] as const;
  for (const [by, own, dumps] of names) {
    if (own !== null && dumps !== undefined) return { by, own, dumps, isSame: own === dumps };
  }
  return undefined;
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
    if (compare(layout, identity)?.isSame === true) return layout;
  }
  return undefined;
}

/** structs/ of this package, seen from src/target/ or from the bundle in dist/. */
export function structsFolder(): string | undefined {
  return ['../structs', '../../structs']
    .map((path) => fileURLToPath(new URL(path, import.meta.url)))
    .find((path) => existsSync(path));
}
