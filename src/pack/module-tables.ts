// The symbol tables of a loaded module as they lie in its memory: our note has the symbols that
// were asked for, other tools want the kernel's own tables.

import type { Ref } from '../target/ref.ts';
import type { Vmcore } from '../target/index.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../util/address.ts';

/** Elf64_Sym: the first four bytes say where the name begins. */
const SYM_SIZE = 24;
/** The largest modules have 20,000 symbols, with a megabyte of names. */
const SYMBOLS_MAX = 1 << 18;
const NAMES_SIZE_MAX = 16 << 20;
/** KSYM_NAME_LEN. */
const NAME_SIZE_MAX = 512;

const WHAT = 'symbols of modules';

/**
 * Reads struct mod_kallsyms (4.5 and later; struct module had its members before) with its tables,
 * and the symbols that the module exports.
 */
export function readModuleTables(vmcore: Vmcore, address: Vaddr): void {
  const module = vmcore.object('module', address);
  readKallsyms(vmcore, module.has('kallsyms') ? module.member('kallsyms').deref() : module);
  readExported(vmcore, module, { list: 'syms', count: 'num_syms' });
  readExported(vmcore, module, { list: 'gpl_syms', count: 'num_gpl_syms' });
}

function readKallsyms(vmcore: Vmcore, tables: Ref): void {
  const count = Math.min(tables.member('num_symtab').number(), SYMBOLS_MAX);
  const symtab = tables.member('symtab').pointer();
  const symbols = vmcore.readAvailable(symtab, count * SYM_SIZE, WHAT);
  if (tables.has('typetab')) {
    vmcore.readPresent(tables.member('typetab').pointer(), count, WHAT);
  }
  const view = new DataView(symbols.buffer, symbols.byteOffset, symbols.byteLength);
  let last = 0;
  for (let at = 0; at + SYM_SIZE <= symbols.length; at += SYM_SIZE) {
    last = Math.max(last, view.getUint32(at, true));
  }
  if (last > NAMES_SIZE_MAX) return;
  // The names have no size: they end behind the one that begins last.
  const names = tables.member('strtab').pointer();
  vmcore.readPresent(names, last, WHAT);
  vmcore.readText(vaddrAdd(names, last), NAME_SIZE_MAX, WHAT);
}

/** struct kernel_symbol: distances since 4.19 (commit 7290d5809571), pointers before. */
function readExported(
  vmcore: Vmcore,
  module: Ref,
  members: Record<'list' | 'count', string>,
): void {
  if (!module.has(members.list)) return;
  const count = Math.min(module.member(members.count).number(), SYMBOLS_MAX);
  const list = module.member(members.list);
  for (let i = 0; i < count; i++) {
    const symbol = list.at(i);
    vmcore.readPresent(symbol.address, vmcore.struct('kernel_symbol').size, WHAT);
    vmcore.readText(nameOf(symbol), NAME_SIZE_MAX, WHAT);
  }
}

function nameOf(symbol: Ref): Vaddr {
  if (!symbol.has('name_offset')) return symbol.member('name').pointer();
  const distance = symbol.member('name_offset');
  return vaddr(distance.address + distance.integer());
}
