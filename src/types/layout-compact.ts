// A layout file without blanks. It keeps a line for each member, so that two can still be compared
// with diff.

/** The same file in fewer bytes. @param text a layout file as `writeLayout` makes them */
export function compactLayout(text: string): string {
  const file = JSON.parse(text) as Record<string, unknown>;
  const parts = Object.entries(file).map(([key, value]) => {
    return `${JSON.stringify(key)}:${isObject(value) ? section(value) : JSON.stringify(value)}`;
  });
  return `{\n${parts.join(',\n')}\n}\n`;
}

function section(items: object): string {
  const lines = Object.entries(items).map(([key, item]) => {
    return `${JSON.stringify(key)}:${isObject(item) ? record(item) : JSON.stringify(item)}`;
  });
  return `{\n${lines.join(',\n')}\n}`;
}

/** A struct or an enum: what is in a list of its own has a line an item. */
function record(fields: object): string {
  const parts = Object.entries(fields).map(([key, value]) => {
    return `${JSON.stringify(key)}:${isObject(value) ? list(value) : JSON.stringify(value)}`;
  });
  return `{${parts.join(',')}}`;
}

function list(items: object): string {
  const lines = Object.entries(items).map(([key, value]) => {
    return `${JSON.stringify(key)}:${JSON.stringify(value)}`;
  });
  return lines.length === 0 ? '{}' : `{\n${lines.join(',\n')}}`;
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
