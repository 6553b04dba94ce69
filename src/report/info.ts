// What a dump is, as text: a line a fact.

import { escapeLine } from '../util/escape.ts';
import type { InfoResult } from '../kernel/info.ts';
import { keptTable, packedFacts } from './pack.ts';

/** The source of types where there are none. */
const NO_TYPES = 'none';

/** `KEY  value` lines in groups. */
export function infoText(result: InfoResult): string {
  const groups = [containerLines(result), kernelLines(result), sourceLines(result)];
  const { packed } = result.container;
  const tables = packed === undefined ? [] : [keptTable(packed)];
  return [...groups.map((lines) => `${lines.join('\n')}\n`), ...tables].join('\n');
}

function containerLines({ container, memory, registers }: InfoResult): string[] {
  const files = container.files.map(({ name, sizeBytes, wrapper }) => {
    const wrapped = wrapper === undefined ? '' : `, ${wrapper.format}, read ${wrapper.how}`;
    return fact('FILE', `${name} (${mebibytes(sizeBytes)}${wrapped})`);
  });
  const ranges = memory.presentRangeCount === 1 ? 'range' : 'ranges';
  return [
    ...files,
    fact('FORMAT', container.description),
    ...(container.packed === undefined
      ? []
      : packedFacts(container.packed).map(([title, text]) => fact(title, text))),
    ...optional('MACHINE', container.machine),
    ...optional('DUMP LEVEL', container.dumpLevel),
    ...(container.incomplete
      ? [fact('INCOMPLETE', 'the dump says it was not written to its end')]
      : []),
    fact(
      'MEMORY',
      `${mebibytes(memory.presentBytes)} in the dump in ${memory.presentRangeCount} ${ranges}, ` +
        `physical addresses below 0x${memory.endBytes.toString(16)}`,
    ),
    fact('REGISTERS', `${registers.prStatus} PRSTATUS notes, ${registers.qemu} QEMU CPU states`),
  ];
}

function kernelLines({ container, kernel, system, memallocLayout, types }: InfoResult): string[] {
  const { uptimeSeconds, time, loadAverage, panicCpu, hz } = system;
  return [
    ...Object.entries(kernel)
      // The container has said it.
      .filter(([key]) => key !== 'machine' || kernel.machine?.value !== container.machine)
      .flatMap(([key, value]) => identityLine(key, value)),
    fact('CPUS', `${system.cpusOnline ?? '?'} online, ${system.cpusPossible ?? '?'} possible`),
    ...optional(
      'UPTIME',
      uptimeSeconds === undefined ? undefined : `${uptimeSeconds.toFixed(2)} s`,
    ),
    ...optional('TIME', time === undefined ? undefined : `${time}, by the clock of the machine`),
    ...optional('LOAD AVERAGE', loadAverage?.join(' ')),
    fact('PANIC', panicCpu === undefined ? 'none' : `on CPU ${panicCpu}`),
    ...optional('HZ', hz === undefined ? undefined : `${hz} (${system.hzSource})`),
    fact('MEMALLOC', memallocLayout ?? withoutRecord(types)),
  ];
}

/** A kernel whose task_struct is not known may keep the record all the same. */
function withoutRecord({ source }: InfoResult['types']): string {
  if (source === NO_TYPES) return '? (there are no types to look for the record of kmallocwd in)';
  return 'this kernel does not keep the record of kmallocwd';
}

/** One fact of the identity: a text, a number, or `{ value, source }`. */
function identityLine(key: string, entry: unknown): string[] {
  const title = key.replace(/[A-Z]/g, (letter) => ` ${letter}`).toUpperCase();
  if (typeof entry === 'string' || typeof entry === 'number') return [fact(title, String(entry))];
  if (typeof entry !== 'object' || entry === null) return [];
  const { value, source } = entry as { value?: string | number; source?: string };
  if (value === undefined) return [];
  // The one number that is an address; it may be negative.
  const isAddress = key === 'physBase' && typeof value === 'number';
  const text = isAddress ? signedHex(value) : String(value).trim();
  return [fact(title, source === undefined ? text : `${text} (${source})`)];
}

function signedHex(value: number): string {
  return `${value < 0 ? '-' : ''}0x${Math.abs(value).toString(16)}`;
}

function sourceLines({ symbols, types, container }: InfoResult): string[] {
  const origins = container.packed?.origins;
  const from = (source: string, noted: string | undefined): string =>
    source === noted ? `${source}, as far as the note of stallcore pack has it` : source;
  return [
    fact('SYMBOLS', `${symbols.count} (${from(symbols.source, origins?.symbols)})`),
    fact('TYPES', from(types.source, origins?.types)),
  ];
}

const TITLE_WIDTH = 18;

function fact(title: string, value: string): string {
  return `${title.padEnd(TITLE_WIDTH)} ${escapeLine(value)}`;
}

function optional(title: string, value: string | number | undefined): string[] {
  return value === undefined ? [] : [fact(title, String(value))];
}

function mebibytes(bytes: number): string {
  return `${(bytes / 2 ** 20).toFixed(1)} MiB`;
}
