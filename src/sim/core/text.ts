// Where a function of the simulated kernel calls another one. Functions have no machine code here,
// but return addresses must be the same in each run: a call site's place follows from the names.

/** Bytes of every function. */
export const FUNCTION_SIZE = 0x400;
/** A call instruction with its operand: what lies before a return address. */
export const CALL_SIZE = 5;
/** Room for the prologue; calls come after it. */
const PROLOGUE_SIZE = 0x20;
/** Calls do not overlap when they lie so far apart. */
const CALL_ALIGN = 8;

/**
 * The offset in `caller` that the call of `callee` returns to. Without a callee, the place where
 * the function itself was left: for `__schedule`, after the switch.
 */
export function callOffset(caller: string, callee = ''): number {
  const slots = (FUNCTION_SIZE - PROLOGUE_SIZE) / CALL_ALIGN - 1;
  const slot = fnv1a(`${caller} ${callee}`) % slots;
  return PROLOGUE_SIZE + slot * CALL_ALIGN + CALL_SIZE;
}

/** FNV-1a, 32 bits. */
function fnv1a(text: string): number {
  let hash = 0x811c9dc5;
  for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193);
  return hash >>> 0;
}
