// What VMCOREINFO would say of a kernel that was found by its image: the same keys, so that all who
// read them need no second way, and for each where it comes from.

import { START_KERNEL_MAP } from '../arch/x86-64.ts';
import { readVmcoreinfo, type Vmcoreinfo } from '../format/vmcoreinfo/read.ts';
import { writeVmcoreinfo } from '../format/vmcoreinfo/write.ts';
import type { AddressSpace } from '../memory/address-space.ts';
import { vaddrAdd, type Vaddr } from '../util/address.ts';
import { latin1 } from '../util/byte-reader.ts';
import { InvalidError } from '../util/errors.ts';
import { optional } from '../util/optional.ts';
import type { VerifiedVmcoreinfo } from './find-vmcoreinfo.ts';
import { readAt, type ImageSymbols, type LocatedImage } from './locate-image.ts';

/** Facts under the keys of VMCOREINFO, and their sources in words. */
interface ImageFacts {
  readonly info: Vmcoreinfo;
  /** By key; of a key that is not here VMCOREINFO is the source. */
  readonly sources: Readonly<Record<string, string>>;
}

/** Where `struct new_utsname` can lie in init_uts_ns: since v5.11 (ca4a9241cc5e), and before. */
const UTS_NAME_OFFSETS = [0, 4];
const SYSNAME = 'Linux\0';

/** struct setup_header (Documentation/arch/x86/boot.rst), of which boot_params has a copy. */
const HEADER_MAGIC = { offset: 0x202, text: 'HdrS' };
const PREF_ADDRESS = 0x258;

/**
 * The kernel of an image, as that of a VMCOREINFO is told.
 *
 * @param by what led to the image, in words
 * @throws InvalidError if the banner names no release
 */
export function kernelOfImage(image: LocatedImage, by: string): VerifiedVmcoreinfo {
  return {
    ...imageFacts(image),
    space: image.space,
    physBase: image.physBase,
    physBaseSource: 'where the banner of the kernel image lies',
    source: `none; worked out from the kernel image, ${by}`,
    paddr: undefined,
  };
}

function imageFacts(image: LocatedImage): ImageFacts {
  const { symbols: own, space, banner, physBase, root, smeMask } = image;
  const osrelease = /^Linux version (\S+) /.exec(banner)?.[1];
  if (osrelease === undefined) throw new InvalidError('linux_banner: it names no release');
  const symbols: Record<string, bigint> = { swapper_pg_dir: root };
  for (const name of ['init_uts_ns', '_stext']) {
    const address = own.lookup(name);
    if (address !== undefined) symbols[name] = address;
  }
  const nameOffset = utsNameOffset(image);
  const text = writeVmcoreinfo({
    osrelease,
    symbols,
    offsets: nameOffset === undefined ? {} : { 'uts_namespace.name': nameOffset },
    numbers: {
      phys_base: physBase,
      pgtable_l5_enabled: space.depth === 5 ? 1 : 0,
      ...(smeMask === 0n ? {} : { sme_mask: smeMask }),
    },
    ...optional('kernelOffset', kaslrOffset(space, own)),
  });
  const sources = {
    OSRELEASE: 'linux_banner',
    KERNELOFFSET: KASLR_SOURCE,
    'NUMBER(pgtable_l5_enabled)': image.proof,
    'NUMBER(sme_mask)': 'sme_me_mask',
  };
  return { info: readVmcoreinfo(text), sources };
}

function utsNameOffset({ symbols, space }: LocatedImage): number | undefined {
  const address = symbols.lookup('init_uts_ns');
  if (address === undefined) return undefined;
  return UTS_NAME_OFFSETS.find((offset) => hasText(space, vaddrAdd(address, offset), SYSNAME));
}

/** Where {@link kaslrOffset} comes from, in words. */
export const KASLR_SOURCE = '_text less pref_address of boot_params';

/**
 * How far KASLR moved the image: the boot loader's header says where it was linked to lie, which
 * is CONFIG_PHYSICAL_START. Undefined where the header is not in the dump.
 */
export function kaslrOffset(space: AddressSpace, symbols: ImageSymbols): bigint | undefined {
  const text = symbols.lookup('_text');
  const params = symbols.lookup('boot_params');
  if (text === undefined || params === undefined) return undefined;
  if (!hasText(space, vaddrAdd(params, HEADER_MAGIC.offset), HEADER_MAGIC.text)) return undefined;
  const linked = readAt(space, vaddrAdd(params, PREF_ADDRESS), 8);
  if (linked === undefined) return undefined;
  const start = new DataView(linked.buffer).getBigUint64(0, true);
  const offset = text - START_KERNEL_MAP - start;
  return start > 0n && offset >= 0n ? offset : undefined;
}

function hasText(space: AddressSpace, address: Vaddr, text: string): boolean {
  const bytes = readAt(space, address, text.length);
  return bytes !== undefined && latin1(bytes) === text;
}
