// The conversions of printk that the patch uses. One format string is both what is printed and what
// lies in the kernel's read-only data, as in the kernel.

import { gfpNames } from '../mm/gfp.ts';

/** An argument: of `%u`, `%lu`, `%x` and `%pGg` a number, of `%s` a string. */
export type PrintfArgument = number | string;

const CONVERSION = /%(?:lu|pGg|[usx])/g;

/**
 * `%u`, `%x` (32 bits, so that -1 is 4294967295), `%lu`, `%s` and `%pGg`, which writes the names of
 * a gfp mask.
 */
export function printf(format: string, ...args: readonly PrintfArgument[]): string {
  let index = 0;
  return format.replace(CONVERSION, (conversion) => {
    const value = args[index++] ?? '';
    if (conversion === '%s' || conversion === '%lu') return String(value);
    const number = Number(value) >>> 0;
    if (conversion === '%pGg') return gfpNames(number);
    return number.toString(conversion === '%x' ? 16 : 10);
  });
}
