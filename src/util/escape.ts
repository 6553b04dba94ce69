// Text from a dump on its way to people. A comm is 16 bytes that a user chose: it may hold a line
// feed or a terminal's escape sequence.

/**
 * Bytes as printable ASCII: bytes below 0x20, from 0x7f on and the backslash become `\x1b`, as
 * /dev/kmsg prints them (kernel/printk/printk.c, msg_add_ext_text()).
 */
export function escapeText(bytes: Uint8Array): string {
  let text = '';
  for (const byte of bytes) {
    const plain = byte >= 0x20 && byte < 0x7f && byte !== BACKSLASH;
    text += plain ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`;
  }
  return text;
}

const BACKSLASH = 0x5c;

/**
 * Text that may hold names from a dump, without what a terminal would obey: C0 and C1 control
 * characters as `\\x1b`, all but the line feed.
 */
export function escapeControls(text: string): string {
  return text.replace(/[\x00-\x09\x0b-\x1f\x7f-\x9f]/g, (character) => {
    return `\\x${character.charCodeAt(0).toString(16).padStart(2, '0')}`;
  });
}

/** The same for text that must stay on its line: a line feed in a name could forge the next one. */
export function escapeLine(text: string): string {
  return escapeControls(text).replaceAll('\n', '\\x0a');
}
