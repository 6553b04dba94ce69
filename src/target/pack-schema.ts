// What the JSON of the note of a packed dump must look like. A note is a part of a file that may
// come from anywhere, so that nothing of it is believed before it fits.

import type { JsonSchema } from '../types/layout-schema.ts';
import { OPENING_STEPS } from './watch.ts';
import { PACK_LEVELS } from './pack-manifest.ts';

const STRING: JsonSchema = { type: 'string' };
const STRINGS: JsonSchema = { type: 'array', items: STRING };
const SIZE: JsonSchema = { type: 'integer', minimum: 0 };
const ADDRESS: JsonSchema = { type: 'string', pattern: '^0x[0-9a-f]{1,16}$' };
const ADDRESSES: JsonSchema = { type: 'array', items: ADDRESS };

/** An object with these members; those whose names end in `?` may be absent. */
function record(members: Readonly<Record<string, JsonSchema>>): JsonSchema {
  const entries = Object.entries(members);
  return {
    type: 'object',
    required: entries.map(([name]) => name).filter((name) => !name.endsWith('?')),
    additionalProperties: false,
    properties: Object.fromEntries(
      entries.map(([name, schema]) => [name.replace('?', ''), schema]),
    ),
  };
}

function listOf(items: JsonSchema): JsonSchema {
  return { type: 'array', items };
}

const PROBLEM = record({
  type: { const: 'problem' },
  subject: STRING,
  message: STRING,
  code: { enum: ['format', 'fault', 'lookup', 'unsupported', 'invalid'] },
  'forced?': { const: true },
});

const CONTAINER = record({
  format: { enum: ['elf', 'kdump', 'raw'] },
  description: STRING,
  files: listOf(
    record({
      name: STRING,
      sizeBytes: SIZE,
      'wrapper?': record({ format: { enum: ['lz4', 'zstd', 'gzip'] }, how: STRING }),
    }),
  ),
  'machine?': STRING,
  'dumpLevel?': { type: 'integer' },
  incomplete: { type: 'boolean' },
});

const MANIFEST = record({
  tool: STRING,
  level: { enum: PACK_LEVELS },
  source: record({ container: CONTAINER, checksum: STRING, checksumOf: STRING }),
  kept: listOf(record({ what: STRING, bytes: SIZE, 'why?': STRING })),
  keptBytes: SIZE,
  keptPages: SIZE,
  symbols: SIZE,
  origins: record({ symbols: STRING, types: STRING }),
  masked: STRINGS,
});

/** Of the section `manifest`. */
export const FACTS_SCHEMA: JsonSchema = record({
  manifest: MANIFEST,
  'cut?': STRING,
  kernel: record({
    vmcoreinfoSource: STRING,
    'vmcoreinfoPaddr?': SIZE,
    physBase: { type: 'integer' },
    physBaseSource: STRING,
    'sources?': { type: 'object', additionalProperties: STRING },
  }),
  problems: record(Object.fromEntries(OPENING_STEPS.map((step) => [step, listOf(PROBLEM)]))),
  searches: listOf(record({ start: ADDRESS, length: SIZE, text: STRING, found: ADDRESSES })),
  absent: listOf(
    record({
      state: { enum: ['excluded', 'not-in-dump', 'truncated'] },
      ranges: listOf({ type: 'array', items: SIZE, minItems: 2, maxItems: 2 }),
    }),
  ),
  damaged: listOf(record({ start: SIZE, end: SIZE, messages: STRINGS })),
  types: record({
    origin: STRING,
    variables: { type: 'object', additionalProperties: STRING },
    missing: STRINGS,
  }),
});

/** `[name, address, letter, size]`, whose items {@link checkSymbols} looks at. */
const SYMBOLS = listOf({ type: 'array', minItems: 4, maxItems: 4 });

const TABLE: JsonSchema = record({
  origin: STRING,
  count: SIZE,
  named: { type: 'object', additionalProperties: ADDRESS },
  all: { type: 'object', additionalProperties: SYMBOLS },
  covering: SYMBOLS,
  uncovered: ADDRESSES,
  missing: STRINGS,
});

/** Of the section `symbols`. */
export const SYMBOLS_SCHEMA: JsonSchema = record({
  kernel: TABLE,
  modules: listOf(
    record({
      address: ADDRESS,
      'table?': TABLE,
      'problem?': record({
        message: STRING,
        code: { enum: ['format', 'fault', 'lookup', 'unsupported', 'invalid'] },
      }),
    }),
  ),
});

/** Of one item of a list of symbols. */
export const SYMBOL_SCHEMAS: readonly JsonSchema[] = [
  STRING,
  ADDRESS,
  { type: 'string', pattern: '^.$' },
  SIZE,
];
