// One copy of what many have in common.

/** What `copies` has under that key, made where it is the first. */
export function shared<T>(copies: Map<string, T>, key: string, make: () => T): T {
  let copy = copies.get(key);
  if (copy === undefined) {
    copy = make();
    copies.set(key, copy);
  }
  return copy;
}
