// How the tables of kallsyms were laid out, release by release (scripts/kallsyms.c).

import type { WriteKallsymsOptions } from '../../src/format/kallsyms/write.ts';

/** One way to lay them out. */
export interface KallsymsOrder {
  /** The releases that had it. */
  readonly name: string;
  readonly options: Pick<
    WriteKallsymsOptions,
    'lengthEncoding' | 'addressEncoding' | 'addressesFirst' | 'wordSize' | 'hasSeqs'
  >;
}

const FIRST = { addressesFirst: true } as const;
const OLD = { ...FIRST, wordSize: 8, lengthEncoding: 'one-byte' } as const;
const LATE = { lengthEncoding: 'two-byte', hasSeqs: true } as const;

/** From 3.10 to 7.0. */
export const KALLSYMS_ORDERS: readonly KallsymsOrder[] = [
  { name: '3.10 to 4.5', options: { ...OLD, addressEncoding: 'absolute' } },
  { name: '4.6 to 4.19', options: { ...OLD, addressEncoding: 'absolute-percpu' } },
  { name: '4.6 to 4.19 without SMP', options: { ...OLD, addressEncoding: 'base-relative' } },
  {
    name: '4.20 to 6.0',
    options: { ...FIRST, lengthEncoding: 'one-byte', addressEncoding: 'absolute-percpu' },
  },
  {
    name: '6.1',
    options: { ...FIRST, lengthEncoding: 'two-byte', addressEncoding: 'absolute-percpu' },
  },
  { name: '6.2, 6.3, 6.1.y', options: { ...FIRST, ...LATE, addressEncoding: 'absolute-percpu' } },
  { name: '6.4 to 6.14', options: { ...LATE, addressEncoding: 'absolute-percpu' } },
  { name: '6.4 to 6.10, absolute', options: { ...LATE, addressEncoding: 'absolute' } },
  { name: '6.15 to 6.19', options: { ...LATE, addressEncoding: 'base-relative' } },
  { name: '7.0', options: { ...LATE, addressEncoding: 'place-relative' } },
];
