// Functions by their own name, whatever the compiler made of them.

/**
 * What compilers append to the name of a copy of a function or of a part of it: gcc's `.isra.0`,
 * `.constprop.0`, `.part.0`, `.cold`, clang's `.llvm.1234`.
 */
const CLONE_SUFFIX = /(?<=.)(\.(isra|constprop|part|cold|llvm|lto_priv)(\.\d+)*)+$/;

/** The function that a symbol is a clone or a part of: `bar` of `bar.constprop.0`. */
export function functionName(symbol: string): string {
  return symbol.includes('.') ? symbol.replace(CLONE_SUFFIX, '') : symbol;
}
