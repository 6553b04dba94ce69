// What a user is told of a dump whose types were not found anywhere: what is missing, of which
// kernel, where it can be had, and what can be done without.

import type { KernelIdentity } from './identity.ts';
import type { SymbolTable } from './symbols.ts';
import type { Vmlinux } from './vmlinux.ts';

/** What {@link whyNoTypes} goes by. */
export interface TypelessKernel {
  readonly symbols: SymbolTable;
  readonly identity: KernelIdentity;
  /** A vmlinux that the user names, and that has no types. */
  readonly vmlinux: Vmlinux | undefined;
}

/** Why there are no types, and what to do; one line. */
export function whyNoTypes({ symbols, identity, vmlinux }: TypelessKernel): string {
  // BTF and the banner that a layout file is known by are found by symbols.
  if (symbols.lookup('_text') === undefined && symbols.lookup('linux_banner') === undefined) {
    return `none found: without symbols there is no way to them; ${cure(identity)}`;
  }
  const stripped =
    vmlinux === undefined
      ? ''
      : `; vmlinux ${vmlinux.name} is stripped: neither .BTF nor .debug_info`;
  return (
    'the dump has no BTF, and no layout file in structs/ was made from this kernel, ' +
    `${nameOf(identity)}${stripped}; ${cure(identity)}`
  );
}

function nameOf({ release, buildId }: KernelIdentity): string {
  return `${release.value}${buildId === undefined ? '' : ` (build ID ${buildId.value})`}`;
}

function cure(identity: KernelIdentity): string {
  return (
    `its vmlinux with debuginfo (${debugPackage(identity)}) has them: --vmlinux VMLINUX, or once ` +
    '`stallcore structs export VMLINUX -o FILE` and from then on --layout FILE; ' +
    'log, symbols and most of info work without'
  );
}

/** The package of the distribution that has the vmlinux; who built the kernel is in its banner. */
function debugPackage({ release: { value: release }, banner }: KernelIdentity): string {
  const known = PACKAGES.find(({ mark }) => mark.test(`${release} ${banner?.value ?? ''}`));
  return known === undefined ? "the distribution's debug package" : known.named(release);
}

/** The names as the distributions' own archives have them. */
const PACKAGES: readonly { mark: RegExp; named: (release: string) => string }[] = [
  { mark: /Ubuntu/, named: (release) => `linux-image-${release}-dbgsym` },
  { mark: /Debian|debian\.org/, named: (release) => `linux-image-${release}-dbg` },
  { mark: /^\S+\.(el|fc)\d/, named: (release) => `kernel-debuginfo-${release}` },
];

/** Why a type was not found in a kernel none of whose types are known. */
export const NO_TYPES_FOUND = 'no types were found';
