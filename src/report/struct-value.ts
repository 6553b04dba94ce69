// Values of C types as text, in the manner of gdb and crash: a member a line, nested by two spaces.

import type { StructObject, StructValuesResult } from '../kernel/struct-result.ts';
import type { StructTarget } from '../kernel/struct-target.ts';
import type { ArrayValue, MemberValue, Value } from '../kernel/struct-value.ts';
import type { FaultReason } from '../util/errors.ts';
import { escapeLine } from '../util/escape.ts';
import { wrapWords } from './wrap.ts';

/** How values are written. */
export interface ValueTextOptions {
  /** Integers in base 16. */
  readonly hex?: boolean;
}

const WIDTH = 100;

/** Every object, one below the other. */
export function structValuesText(
  result: StructValuesResult,
  options: ValueTextOptions = {},
): string {
  const writer = new ValueWriter(options);
  return result.objects
    .map((object) => {
      const lines = objectLines(result, object, writer);
      return lines.map((line) => `${line}\n`).join('');
    })
    .join('\n');
}

function objectLines(
  { declared }: StructValuesResult,
  { target, values }: StructObject,
  writer: ValueWriter,
): string[] {
  const head = [declared, target.address, targetWords(target)].filter((word) => word !== undefined);
  if (target.address === undefined) return [`${head.join(' ')}: ${target.through} is NULL`];
  const [first] = values;
  if (first?.member === undefined) {
    return first?.value === undefined ? [] : writer.lines(`${head.join(' ')} = `, first.value, '');
  }
  const members = values.flatMap(({ member = '', value, nullAt }) => {
    if (value !== undefined) return writer.lines(`  ${member} = `, value, ',');
    const why =
      nullAt === undefined ? 'a pointer on the way is not in the dump' : `${nullAt} is NULL`;
    return [`  ${member} = ? (${why}),`];
  });
  return [`${head.join(' ')} {`, ...members, '}'];
}

/** Whose it is: `<oom_lock>`, `of pid 186 (java)`. */
function targetWords({ symbol, task, through }: StructTarget): string | undefined {
  if (task !== undefined) {
    const way = through === undefined ? '' : `, ${through}`;
    return `(pid ${task.pid}, ${task.comm}${way})`;
  }
  const words = [
    ...(symbol === undefined ? [] : [`<${escapeLine(symbol)}>`]),
    ...(through === undefined ? [] : [`(${through})`]),
  ];
  return words.length === 0 ? undefined : words.join(' ');
}

/** Why a value is not there, in few words. */
const ABSENT_WORDS: Readonly<Record<FaultReason, string>> = {
  excluded: 'excluded by the dump filter',
  'not-in-dump': 'not in the dump',
  truncated: 'cut off',
  'removed-by-pack': 'removed by pack',
  'non-canonical': 'no canonical address',
  'not-mapped': 'not mapped',
};

class ValueWriter {
  readonly #hex: boolean;

  constructor({ hex = false }: ValueTextOptions) {
    this.#hex = hex;
  }

  /** The lines of a value; the first has `head` before it, the last `tail` behind it. */
  lines(head: string, value: Value, tail: string): string[] {
    const indent = ' '.repeat(head.length - head.trimStart().length);
    if (value.kind === 'struct' || value.kind === 'union') {
      const inner = value.members.flatMap((member) => this.#member(member, `${indent}  `));
      return inner.length === 0
        ? [`${head}{}${tail}`]
        : [`${head}{`, ...inner, `${indent}}${tail}`];
    }
    if (value.kind === 'array') return this.#array(head, value, tail);
    return [`${head}${this.#words(value)}${tail}`];
  }

  #member({ name, value }: MemberValue, indent: string): string[] {
    return this.lines(name === '' ? indent : `${indent}${escapeLine(name)} = `, value, ',');
  }

  #array(head: string, { runs, notShown }: ArrayValue, tail: string): string[] {
    const indent = ' '.repeat(head.length - head.trimStart().length);
    const rest = notShown === 0 ? [] : [`… ${notShown} more`];
    if (runs.every(({ value }) => isFlat(value))) {
      const words = runs.map(({ repeats, value }) => {
        return repeats === 1
          ? this.#words(value)
          : `${this.#words(value)} <repeats ${repeats} times>`;
      });
      const text = `${head.trimStart()}{${[...words, ...rest].join(', ')}}${tail}`;
      const lines = wrapWords(text, WIDTH - indent.length, '  ');
      return lines.map((line) => indent + line);
    }
    let index = 0;
    const inner = runs.flatMap(({ repeats, value }) => {
      const at = repeats === 1 ? `[${index}]` : `[${index} … ${index + repeats - 1}]`;
      index += repeats;
      return this.lines(`${indent}  ${at} = `, value, ',');
    });
    return [`${head}{`, ...inner, ...rest.map((each) => `${indent}  ${each}`), `${indent}}${tail}`];
  }

  #words(value: Value): string {
    switch (value.kind) {
      case 'int':
        return this.#number(value.value);
      case 'text':
        return `"${quoted(value.text)}"${value.cut === true ? '…' : ''}`;
      case 'pointer': {
        const symbol = value.symbol === undefined ? '' : ` <${escapeLine(value.symbol)}>`;
        const text = value.text === undefined ? '' : ` "${quoted(value.text)}"`;
        return `${value.value === '0x0' ? 'NULL' : value.value}${symbol}${text}`;
      }
      case 'enum': {
        const names = [...value.names, ...(value.rest === undefined ? [] : [value.rest])];
        const number = this.#number(value.value);
        return names.length === 0 ? number : `${number} (${escapeLine(names.join(' | '))})`;
      }
      case 'absent':
        return `? (${ABSENT_WORDS[value.reason]})`;
      case 'nothing':
        return '{}';
      case 'not shown':
        return '…';
      default:
        return 'value' in value ? value.value : '';
    }
  }

  #number(digits: string): string {
    if (!this.#hex || digits.startsWith('0x')) return digits;
    const value = BigInt(digits);
    return value < 0n ? `-0x${(-value).toString(16)}` : `0x${value.toString(16)}`;
  }
}

function isFlat({ kind }: Value): boolean {
  return kind !== 'struct' && kind !== 'union' && kind !== 'array';
}

function quoted(text: string): string {
  return text.replaceAll('"', '\\"');
}
