// Which kdump files make up one dump. `makedumpfile --split` gives every part the main header and
// the bitmaps of the whole dump, and its own range of pfns.

import type { KdumpFile } from '../format/kdump/read.ts';
import { FormatError, UnsupportedError } from '../util/errors.ts';
import type { Problems } from '../util/problems.ts';

/**
 * The parts in the order of their pfns.
 *
 * @throws FormatError naming the file that is of another dump, twice there, or no part
 */
export function orderParts(files: readonly KdumpFile[]): KdumpFile[] {
  const first = files[0];
  if (first === undefined) throw new UnsupportedError('no kdump file was given');
  const whole = files.find(({ isSplit }) => !isSplit);
  if (whole !== undefined && files.length > 1) {
    // Which of their headers differ is of no use to who wanted the two compared.
    const what = 'is a whole dump, not a part of one: compare A B takes two dumps';
    throw setError(`${whole.source.name} ${what}`);
  }
  for (const file of files.slice(1)) {
    const difference = differsIn(first, file);
    if (difference !== undefined) {
      const names = `${file.source.name} and ${first.source.name}`;
      throw setError(`${names} are not parts of one dump: ${difference}`);
    }
  }
  const parts = [...files].sort((a, b) => a.pfns.start - b.pfns.start || a.pfns.end - b.pfns.end);
  checkOverlaps(parts);
  return parts;
}

function checkOverlaps(parts: readonly KdumpFile[]): void {
  for (const [index, part] of parts.entries()) {
    const before = parts[index - 1];
    if (before === undefined || part.pfns.start >= before.pfns.end) continue;
    const same = part.pfns.start === before.pfns.start && part.pfns.end === before.pfns.end;
    const how = same ? 'are the same part' : 'overlap';
    const where = `pfns ${part.pfns.start} to ${Math.min(part.pfns.end, before.pfns.end) - 1}`;
    throw setError(`${before.source.name} and ${part.source.name} ${how}: ${where}`);
  }
}

/** Tells `problems` of the pfn ranges whose pages are stored in parts that were not given. */
export function reportMissing(parts: readonly KdumpFile[], problems: Problems): void {
  const first = parts[0];
  if (!first?.isSplit) return;
  let next = 0;
  const ends = [...parts.map(({ pfns }) => pfns), { start: first.maxPfn, end: first.maxPfn }];
  for (const { start, end } of ends) {
    const pageCount = first.storedBitmap.countIn({ start: next, end: start });
    if (pageCount > 0) {
      const what = `the part with pfns ${next} to ${start - 1} is missing: ${pageCount} pages`;
      problems.addMessage('split dump', what, 'format');
    }
    next = Math.max(next, end);
  }
}

const UTS_MEMBERS = ['sysname', 'nodename', 'release', 'version', 'machine', 'domainname'] as const;

/** The first member of the headers in which two parts of one dump cannot differ. */
function differsIn(a: KdumpFile, b: KdumpFile): string | undefined {
  const facts = (file: KdumpFile): [string, string | number][] => [
    ['ABI', file.target.abi],
    ['byte order', file.target.littleEndian ? 'little' : 'big'],
    ['signature', file.header.signature],
    ['header_version', file.header.headerVersion],
    ...UTS_MEMBERS.map((name): [string, string] => [name, file.header.utsname[name]]),
    ['timestamp', `${file.header.timestamp.sec}.${file.header.timestamp.usec}`],
    ['block_size', file.header.blockSize],
    ['bitmap_blocks', file.header.bitmapBlocks],
    ['max_mapnr', file.maxPfn],
    ['phys_base', `0x${BigInt.asUintN(64, file.subHeader.physBase).toString(16)}`],
  ];
  const others = facts(b);
  for (const [index, [name, value]] of facts(a).entries()) {
    const other = others[index]?.[1];
    if (other !== value) return `${name} is ${String(other)}, expected ${value}`;
  }
  return undefined;
}

function setError(what: string): FormatError {
  return new FormatError({ section: 'split dump' }, what);
}
