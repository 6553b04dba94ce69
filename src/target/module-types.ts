// Types that a module defines: its split BTF, which goes on from the kernel's. The kernel keeps it
// on the list `btf_modules` (kernel/bpf/btf.c, v5.11, commit 36e68442d1af).

import { readBtf } from '../format/btf/read.ts';
import { BtfTypes } from '../types/btf-types.ts';
import { combineTypes } from '../types/combine.ts';
import type { TypeSource } from '../types/ctype.ts';
import { latin1 } from '../util/byte-reader.ts';
import { FormatError, LookupError } from '../util/errors.ts';
import type { Ref } from './ref.ts';
import type { Vmcore } from './vmcore.ts';

/** The BTF of the largest modules is below 1 MiB. */
const BTF_SIZE_MAX = 64 << 20;
/** A machine has a few hundred modules. */
const MODULES_MAX = 10_000;

/**
 * The types of one module together with those of the kernel, the kernel's first.
 *
 * @throws LookupError if the module is not loaded or has no BTF
 * @throws FormatError if its BTF is damaged
 */
export function moduleTypes(vmcore: Vmcore, moduleName: string): TypeSource {
  return combineTypes([vmcore.types, ownTypes(vmcore, moduleName)]);
}

/** Those of the module alone; they may refer to the kernel's. */
function ownTypes(vmcore: Vmcore, moduleName: string): BtfTypes {
  const { types } = vmcore;
  if (!(types instanceof BtfTypes)) {
    const why = `it goes on from the kernel's BTF, and the types are those of ${types.origin}`;
    throw new LookupError('type', `BTF of module ${moduleName}`, why);
  }
  const found = findModuleBtf(vmcore, moduleName);
  if (found === undefined) throw new LookupError('type', `BTF of module ${moduleName}`);
  const size = found.member('data_size').number();
  const section = `BTF of module ${moduleName}`;
  if (size > BTF_SIZE_MAX) {
    throw new FormatError({ section }, `expected up to ${BTF_SIZE_MAX} bytes, have ${size}`);
  }
  const bytes = vmcore.readBytes(found.member('data').pointer(), size);
  const table = readBtf(bytes, { base: types.table, section });
  return new BtfTypes(table, { origin: section, completeFrom: types });
}

/**
 * What `look` finds in the types of a module, asking one module after the other, those loaded last
 * first. A module whose BTF cannot be read is a problem.
 */
export function findInModules<T>(
  vmcore: Vmcore,
  look: (types: TypeSource) => T | undefined,
): T | undefined {
  if (vmcore.symbols.lookup('btf_modules') === undefined) return undefined;
  for (const { name } of vmcore.modules.modules) {
    const found = vmcore.problems.attempt(`BTF of module ${name}`, () => {
      return findModuleBtf(vmcore, name) === undefined ? undefined : look(ownTypes(vmcore, name));
    });
    if (found !== undefined) return found;
  }
  return undefined;
}

/** `struct btf *` of a module. */
function findModuleBtf(vmcore: Vmcore, moduleName: string): Ref | undefined {
  const head = vmcore.object('list_head', vmcore.symbol('btf_modules'));
  const type = vmcore.struct('btf_module');
  let node = head.member('next').deref();
  for (let i = 0; i < MODULES_MAX && node.address !== head.address; i++) {
    const entry = node.containerOf(type, 'list');
    const name = latin1(entry.member('module').member('name').cString());
    if (name === moduleName) return entry.member('btf').deref();
    node = node.member('next').deref();
  }
  return undefined;
}
