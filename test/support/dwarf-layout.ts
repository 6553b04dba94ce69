// A struct of a type source in few words, for comparing.

import type { StructType, TypeSource } from '../../src/types/ctype.ts';
import { memberTypeWords } from '../../src/types/declaration.ts';

/** Each member as `bit offset[:bits] type`. */
export function layoutOf(types: TypeSource, name: string): Record<string, string> {
  const struct = types.find('struct', name) as StructType;
  return Object.fromEntries(
    struct.members.map((member) => {
      const bits = member.bitSize === undefined ? '' : `:${member.bitSize}`;
      return [member.name, `${member.bitOffset}${bits} ${memberTypeWords(member)}`];
    }),
  );
}
