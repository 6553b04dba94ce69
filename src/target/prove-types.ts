// Whether types can be those of the dumped kernel, by the one task that every kernel has at a
// symbol: init_task, the idle task of the first CPU (init/init_task.c).

import type { AddressSpace } from '../memory/address-space.ts';
import { byteOffsetOf, findMember, type StructType, type TypeSource } from '../types/ctype.ts';
import { vaddrAdd } from '../util/address.ts';
import { latin1 } from '../util/byte-reader.ts';
import { FaultError } from '../util/errors.ts';
import { escapeText } from '../util/escape.ts';
import type { SymbolTable } from './symbols.ts';

/** Where types are tried. */
export interface TriedOn {
  readonly space: AddressSpace;
  readonly symbols: SymbolTable;
}

/** TASK_COMM_LEN (include/linux/sched.h). */
const COMM_LENGTH = 16;

/**
 * What of init_task is not what these types say; undefined where they fit, or where it is not
 * known: they lack the struct, the symbol is not there, or the page is not in the dump.
 *
 * INIT_TASK sets .comm to "swapper", to which init_idle() (kernel/sched/core.c) adds the CPU's
 * number where there are several.
 */
export function disproveTypes(types: TypeSource, { space, symbols }: TriedOn): string | undefined {
  const address = symbols.lookup('init_task');
  const task = types.find('struct', 'task_struct');
  if (address === undefined || task?.kind !== 'struct') return undefined;
  const read = (path: string, length: number): Uint8Array | undefined => {
    const at = offsetOf(task, path);
    if (at === undefined) return undefined;
    try {
      return space.read(vaddrAdd(address, at), length);
    } catch (error) {
      if (!(error instanceof FaultError)) throw error;
      return undefined;
    }
  };
  const comm = read('comm', COMM_LENGTH);
  if (comm !== undefined && !/^swapper(\/0)?\0/.test(latin1(comm))) {
    const text = escapeText(comm.subarray(0, (comm.indexOf(0) + COMM_LENGTH) % COMM_LENGTH));
    return `by it init_task has the name "${text}", and not "swapper"`;
  }
  const pid = read('pid', 4);
  if (pid?.some((byte) => byte !== 0) === true) return 'by it the pid of init_task is not 0';
  return undefined;
}

function offsetOf(struct: StructType, path: string): number | undefined {
  const place = findMember(struct, path);
  return place === undefined ? undefined : byteOffsetOf(place);
}
