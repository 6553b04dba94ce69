// Prose that fits into a terminal.

/** Below it a line holds too few words to be read. */
const WIDTH_MIN = 20;

/**
 * The text in lines of so many columns, broken between words; a longer word stays whole, so that
 * it can be copied.
 *
 * @param width Infinity leaves the text as it is
 * @param indent before every line but the first
 */
export function wrapWords(text: string, width: number, indent = ''): string[] {
  const lines: string[] = [];
  let line = '';
  for (const word of text.split(' ')) {
    const longer = line === '' ? word : `${line} ${word}`;
    if (line !== '' && longer.length > Math.max(width, WIDTH_MIN)) {
      lines.push(line.trimEnd());
      line = indent + word;
    } else if (word !== '' && line === indent && lines.length > 0) {
      // Where two spaces stand between words the line may break between the spaces.
      line = indent + word;
    } else {
      line = longer;
    }
  }
  return [...lines, line];
}
