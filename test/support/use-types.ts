// Asks a type source for all that it has, as commands do piece by piece.

import { sizeOf, type CType, type TypeKind, type TypeSource } from '../../src/types/ctype.ts';
import { memberTypeWords } from '../../src/types/declaration.ts';

const KINDS: readonly TypeKind[] = ['struct', 'union', 'enum', 'typedef', 'int'];

/** More members than the sources of tests have; damage may make a type contain itself. */
const MEMBERS_MAX = 5000;

/** @throws what the source throws */
export function useTypes(types: TypeSource): void {
  let left = MEMBERS_MAX;
  const use = (type: CType, depth: number): void => {
    sizeOf(type);
    if ((type.kind !== 'struct' && type.kind !== 'union') || depth > 3) return;
    void type.typedefName;
    for (const member of type.members) {
      if (left-- <= 0) return;
      memberTypeWords(member);
      const { type: inner } = member;
      use(inner.kind === 'pointer' ? inner.target : inner, depth + 1);
    }
  };
  for (const name of types.names?.() ?? []) {
    for (const kind of KINDS) {
      const type = types.find(kind, name);
      if (type !== undefined) use(type, 0);
    }
    types.typedefDeclaration?.(name);
    const variable = types.variableType?.(name);
    if (variable !== undefined) use(variable, 0);
  }
  types.findEnumerator('SCHED_NORMAL');
}
