// A type as pahole(1) prints it: members with offset and size, holes, cache lines. Its advice to
// pack is left out: nobody changes the structs of a dumped kernel.

import type {
  EnumValue,
  Hole,
  MemberLayout,
  StructBody,
  TypeLayout,
} from '../kernel/struct-layout.ts';
import { count } from '../util/count.ts';
import { escapeLine } from '../util/escape.ts';

/** Columns up to the name of a member, and up to its comment, of an outermost member. */
const TYPE_WIDTH = 26;
const TEXT_WIDTH = 49;
/** A tab is so wide, and so much narrower is what stands one level deeper. */
const TAB_WIDTH = 8;

/** Bytes of a cache line of x86-64. */
const CACHE_LINE = 64;

/** The layout as text. */
export function typeLayoutText(layout: TypeLayout): string {
  const { kind, tag, body, values } = layout;
  const name = escapeLine(layout.name);
  const typedef = layout.typedef === undefined ? undefined : escapeLine(layout.typedef);
  const head = tag === undefined ? kind : escapeLine(`${kind} ${tag}`);
  const isTypedef = typedef !== undefined;
  // A typedef of something that has a name of its own says so first.
  const lead = isTypedef && (tag !== undefined || kind === 'other') ? [`${typedef};`] : [];
  const open = isTypedef && tag === undefined ? `typedef ${head}` : head;
  const close = isTypedef && tag === undefined ? `} ${name};` : '};';
  if (body !== undefined) {
    const printer = new BodyPrinter();
    printer.body(body, 1);
    const stats = body.kind === 'struct' ? ['', ...statLines(body, layout.sizeBytes)] : [];
    return textOf([...lead, `${open} {`, ...printer.lines, ...stats, close]);
  }
  if (values !== undefined) return textOf([...lead, `${open} {`, ...enumLines(values, 1), close]);
  const plain = isTypedef ? lead : [`${name};`];
  return textOf([...plain, `\t/* size: ${layout.sizeBytes} */`]);
}

/** One member as a line of its struct, or as lines where its type is defined in place. */
export function memberLayoutText(member: MemberLayout): string {
  const printer = new BodyPrinter(Infinity);
  printer.member(member, 1);
  return textOf(printer.lines);
}

function textOf(lines: readonly string[]): string {
  return lines.map((line) => `${line}\n`).join('');
}

/** The lines between two braces. */
class BodyPrinter {
  readonly lines: string[] = [];
  /** The cache line that the last member began in. */
  #cacheLine: number;

  constructor(cacheLine = 0) {
    this.#cacheLine = cacheLine;
  }

  body(body: StructBody, level: number): void {
    this.#hole(body.before, level);
    const cacheLine = this.#cacheLine;
    for (const member of body.members) {
      this.member(member, level);
      this.#remarks(member, level);
      // Every member of a union begins anew.
      if (body.kind === 'union') this.#cacheLine = cacheLine;
    }
    if (this.lines.at(-1) === '') this.lines.pop();
    if (body.notShown !== undefined) {
      this.lines.push(`${'\t'.repeat(level)}/* ${count(body.notShown, 'more member')} */`);
    }
  }

  member(member: MemberLayout, level: number): void {
    const { offsetBytes, body, values } = member;
    // Names of a damaged dump may be any bytes.
    const base = escapeLine(member.declaration.base);
    const declarator = escapeLine(member.declaration.declarator);
    this.#boundary(offsetBytes, level);
    const tabs = '\t'.repeat(level);
    if (body === undefined && values === undefined) {
      const width = Math.max(0, TYPE_WIDTH - TAB_WIDTH * (level - 1));
      const text = `${base.padEnd(width)} ${declarator}`;
      this.lines.push(tabs + withComment(text, member, level));
      return;
    }
    // `const struct *`: the stars stand behind the closing brace, before the name.
    const [, words = '', stars = ''] = /^(.*?)((?: \*)*)$/.exec(base) ?? [];
    this.lines.push(`${tabs}${words} {`);
    if (body !== undefined) this.body(body, level + 1);
    else this.lines.push(...enumLines(values ?? [], level + 1));
    const name = `${stars} ${declarator}`.trim();
    this.lines.push(tabs + withComment(name === '' ? '}' : `} ${name}`, member, level));
  }

  /** What is behind a member, set off by empty lines. */
  #remarks({ hole = { bytes: 0, bits: 0 }, typePaddingBytes }: MemberLayout, level: number): void {
    const tabs = '\t'.repeat(level);
    if (typePaddingBytes !== undefined) {
      const what = `last struct has ${count(typePaddingBytes, 'byte')} of padding`;
      this.lines.push('', `${tabs}/* ${what} */`);
      if (hole.bytes === 0 && hole.bits === 0) this.lines.push('');
    }
    this.#hole(hole, level);
  }

  #hole({ bits, bytes }: Hole, level: number): void {
    const tabs = '\t'.repeat(level);
    const sizes = [
      ...(bits > 0 ? [count(bits, 'bit')] : []),
      ...(bytes > 0 ? [count(bytes, 'byte')] : []),
    ];
    if (sizes.length === 0) return;
    this.lines.push('', ...sizes.map((size) => `${tabs}/* ${size} hole */`), '');
  }

  #boundary(offset: number, level: number): void {
    const line = Math.floor(offset / CACHE_LINE);
    if (line <= this.#cacheLine) return;
    this.#cacheLine = line;
    const ago = offset % CACHE_LINE;
    const was = ago === 0 ? '' : ` was ${count(ago, 'byte')} ago`;
    const where = `cacheline ${line} boundary (${line * CACHE_LINE} bytes)${was}`;
    this.lines.push(`${'\t'.repeat(level)}/* --- ${where} --- */`);
  }
}

function withComment(text: string, member: MemberLayout, level: number): string {
  const { bits, offsetBytes, sizeBytes } = member;
  const declared = `${text}${bits === undefined ? '' : `:${bits.size}`};`;
  const offset = String(offsetBytes).padStart(5);
  const place =
    bits === undefined
      ? `${offset} ${String(sizeBytes).padStart(5)}`
      : `${offset}:${String(bits.start).padStart(2)} ${String(sizeBytes).padStart(2)}`;
  const width = TEXT_WIDTH - TAB_WIDTH * (level - 1);
  return `${declared.padEnd(Math.max(width, declared.length + 1))}/* ${place} */`;
}

function enumLines(values: readonly EnumValue[], level: number): string[] {
  const width = Math.max(0, ...values.map(({ name }) => name.length));
  return values.map(({ name, value }) => {
    return `${'\t'.repeat(level)}${escapeLine(name).padEnd(width)} = ${value},`;
  });
}

/** What pahole sums up behind the last member. */
function statLines({ members, before, padding }: StructBody, size: number): string[] {
  const holes = [before, ...members.flatMap(({ hole }) => hole ?? [])];
  const paddings = members.flatMap(({ typePaddingBytes }) => typePaddingBytes ?? []);
  const lines = [
    `size: ${size}, cachelines: ${Math.ceil(size / CACHE_LINE)}, members: ${members.length}`,
    ...holeLines(members, holes),
    ...(padding.bytes > 0 ? [`padding: ${padding.bytes}`] : []),
    ...(paddings.length > 0
      ? [`paddings: ${paddings.length}, sum paddings: ${sum(paddings)}`]
      : []),
    ...(padding.bits > 0 ? [`bit_padding: ${padding.bits} bits`] : []),
    ...(size % CACHE_LINE === 0 ? [] : [`last cacheline: ${size % CACHE_LINE} bytes`]),
  ];
  return lines.map((line) => `\t/* ${line} */`);
}

/** Of a struct with holes how much of it is members. */
function holeLines(members: readonly MemberLayout[], holes: readonly Hole[]): string[] {
  const ofBytes = holes.map(({ bytes }) => bytes).filter((bytes) => bytes > 0);
  const ofBits = holes.map(({ bits }) => bits).filter((bits) => bits > 0);
  if (ofBytes.length === 0 && ofBits.length === 0) return [];
  const bytes = sum(members.map(({ bits, sizeBytes }) => (bits === undefined ? sizeBytes : 0)));
  const bits = sum(members.map((member) => member.bits?.size ?? 0));
  const byteHoles =
    ofBytes.length === 0 ? '' : `, holes: ${ofBytes.length}, sum holes: ${sum(ofBytes)}`;
  const bitHoles =
    ofBits.length === 0
      ? ` (${Math.floor(bits / 8)} bytes)`
      : `, bit holes: ${ofBits.length}, sum bit holes: ${sum(ofBits)} bits`;
  return [
    ...(bytes > 0 ? [`sum members: ${bytes}${byteHoles}`] : []),
    ...(bits > 0 ? [`sum bitfield members: ${bits} bits${bitHoles}`] : []),
  ];
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, each) => total + each, 0);
}
