// A kernel's layout with another version's record of the kmallocwd patch in its task_struct. The
// record is 24 bytes in all of them, so it lies where the kernel's own lies.

import { InvalidError } from '../util/errors.ts';
import { readLayout, type LayoutFile, type LayoutTypes } from './layout.ts';

/** struct memalloc_info lies in the task; struct memalloc of the first version on its stack. */
const IN_TASK = 'memalloc_info';

/**
 * Both layouts as one: the structs of `record` go before those of `kernel`, and a record that does
 * not lie in the task takes the member out of it.
 *
 * @param kernel the text of the layout file of a kernel with the patch
 * @param record the text of one of structs/memalloc-*.json
 * @throws FormatError, InvalidError where one of them is no layout file
 * @throws InvalidError if the kernel has no record that could be replaced, or one of another size
 */
export function withRecordLayout(kernel: string, record: string, origin: string): LayoutTypes {
  const { file } = readLayout(kernel, `${origin}, kernel`);
  const other = readLayout(record, `${origin}, record`).file;
  const { task_struct: task, [IN_TASK]: own, ...structs } = file.structs;
  if (task?.members.memalloc === undefined || own === undefined) {
    throw new InvalidError(`${origin}: task_struct has no member memalloc that could be replaced`);
  }
  const next = other.structs[IN_TASK];
  if (next !== undefined && next.size !== own.size) {
    throw new InvalidError(`${origin}: the record has ${next.size} bytes, expected ${own.size}`);
  }
  const { memalloc, ...members } = task.members;
  const merged: LayoutFile = {
    ...file,
    baseTypes: { ...other.baseTypes, ...file.baseTypes },
    structs: {
      ...other.structs,
      ...structs,
      task_struct: { ...task, members: next === undefined ? members : { ...members, memalloc } },
    },
  };
  return readLayout(JSON.stringify(merged), origin);
}
