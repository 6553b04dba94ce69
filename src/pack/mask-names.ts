// Other names for the machine and its memory cgroups, so that a packed dump does not tell whose it
// is: a cgroup is often called what the service or the container in it is.

import { UTS_FIELD_SIZE, utsNameOffset } from '../target/kernel-memory.ts';
import type { Vmcore } from '../target/index.ts';
import { vaddrAdd } from '../util/address.ts';
import { latin1 } from '../util/byte-reader.ts';
import type { Ranges } from '../util/ranges.ts';
import { BytePatches } from './byte-patches.ts';
import type { PageMask } from './kept-memory.ts';

/** What the machine is called then. */
export const MASKED_NODENAME = 'host';

/** Where nodename and domainname stand in struct new_utsname, and what stands there then. */
const UTS_NAMES: readonly (readonly [field: number, name: string])[] = [
  [1, MASKED_NODENAME],
  [5, '(none)'],
];

/** Names and where they stand. */
export interface NameMask {
  /** Replaces the names in a page. */
  readonly mask: PageMask;
  /** How many names of cgroups were replaced. */
  readonly cgroupCount: number;
}

/**
 * Replaces the names in init_uts_ns, and those of cgroups.
 *
 * @param cgroupNames where the names of cgroups are that were read, with their NULs
 */
export function maskNames(vmcore: Vmcore, cgroupNames: Ranges): NameMask {
  const patches = new BytePatches();
  const { vmcoreinfo: info } = vmcore;
  const symbol = info.symbol('init_uts_ns') ?? vmcore.symbols.lookup('init_uts_ns');
  for (const [field, name] of symbol === undefined ? [] : UTS_NAMES) {
    const offset = utsNameOffset(info) + field * UTS_FIELD_SIZE;
    const start = vaddrAdd(symbol as Exclude<typeof symbol, undefined>, offset);
    patches.field(vmcore, start, Buffer.from(name, 'latin1'), UTS_FIELD_SIZE);
  }
  const others = new Map<string, Uint8Array>();
  for (const [start, text] of namesIn(vmcore, cgroupNames)) {
    const other = others.get(text) ?? otherName(others.size + 1, text.length);
    others.set(text, other);
    for (let i = 0; i < text.length; i++) patches.byte(start + i, other[i] ?? 0);
  }
  return { mask: patches.mask, cgroupCount: others.size };
}

/** What stands between NULs in ranges that can be read: two names may lie side by side. */
function* namesIn(
  { memory }: Vmcore,
  { starts, ends }: Ranges,
): Generator<readonly [start: number, text: string]> {
  for (let i = 0; i < starts.length; i++) {
    const start = starts[i] as number;
    const bytes = new Uint8Array((ends[i] as number) - start);
    memory.readInto(bytes, start);
    for (let from = 0; from < bytes.length;) {
      const nul = bytes.indexOf(0, from);
      const to = nul < 0 ? bytes.length : nul;
      if (to > from) yield [start + from, latin1(bytes.subarray(from, to))];
      from = to + 1;
    }
  }
}

/** One that has room where the other was; those of one or two letters may become the same. */
function otherName(number: number, length: number): Uint8Array {
  const name = [`cgroup-${number}`, `c${number}`, number.toString(36)].find(
    (each) => each.length <= length,
  );
  return Buffer.from(name ?? 'x', 'latin1');
}
