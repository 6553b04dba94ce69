// The schema of layout files and the validator that runs on it. `structs/schema.json` is this
// object as JSON (a test holds that), so what is published and what is checked cannot differ.

import { FormatError } from '../util/errors.ts';

/** The part of JSON Schema (draft 2020-12) that layout files need. */
export interface JsonSchema {
  readonly $schema?: string;
  readonly $id?: string;
  readonly title?: string;
  readonly description?: string;
  readonly type?: JsonType | readonly JsonType[];
  readonly const?: string | number | boolean;
  readonly enum?: readonly (string | number)[];
  readonly pattern?: string;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minItems?: number;
  readonly maxItems?: number;
  readonly items?: JsonSchema;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, JsonSchema>>;
  readonly propertyNames?: JsonSchema;
  readonly additionalProperties?: boolean | JsonSchema;
}

type JsonType = 'object' | 'array' | 'string' | 'integer' | 'boolean' | 'null';

/** The only format there is; a change that old readers would misread makes it 2. */
export const LAYOUT_FORMAT = 1;

const SIZE: JsonSchema = { type: 'integer', minimum: 0, maximum: 0xffff_ffff };
const VALUE: JsonSchema = {
  description: 'a value of an enum; beyond 2^53 a decimal string',
  type: ['integer', 'string'],
  pattern: '^-?[0-9]+$',
};
const NAMES: JsonSchema = { pattern: '^[A-Za-z_][A-Za-z0-9_]*$' };
const TYPE_NAMES: JsonSchema = { pattern: '^[A-Za-z_][A-Za-z0-9_]*(#[0-9]*|##[0-9]+)?$' };

const MEMBER: JsonSchema = {
  description: 'an object, or in short `offset type`: `16 struct list_head`',
  type: ['object', 'string'],
  pattern: '^(0|[1-9][0-9]{0,9}) \\S',
  required: ['offset', 'type'],
  additionalProperties: false,
  properties: {
    offset: { ...SIZE, description: 'in bytes from the start of the struct' },
    type: { type: 'string', description: 'a C type: `struct list_head`, `unsigned char [16]`' },
    size: { ...SIZE, description: 'in bytes; checked against the type where given' },
    bits: {
      description:
        'of a bit field: first bit, counted from byte `offset`, and width in bits. On a ' +
        'little-endian machine bit 0 is the least significant one of that byte, else the most',
      type: 'array',
      items: { type: 'integer', minimum: 0, maximum: 128 },
      minItems: 2,
      maxItems: 2,
    },
  },
};

const STRUCT: JsonSchema = {
  type: 'object',
  required: ['kind', 'size', 'members'],
  additionalProperties: false,
  properties: {
    kind: { enum: ['struct', 'union'] },
    size: { ...SIZE, description: 'in bytes' },
    members: {
      description: 'by name, in the order of declaration; anonymous ones are #0, #1, …',
      type: 'object',
      propertyNames: { pattern: '^([A-Za-z_][A-Za-z0-9_]*|#[0-9]+)$' },
      additionalProperties: MEMBER,
    },
  },
};

const ENUM: JsonSchema = {
  type: 'object',
  required: ['size', 'signed', 'values'],
  additionalProperties: false,
  properties: {
    size: { type: 'integer', enum: [1, 2, 4, 8] },
    signed: { type: 'boolean' },
    values: { type: 'object', propertyNames: NAMES, additionalProperties: VALUE },
  },
};

const BASE_TYPE: JsonSchema = {
  type: 'object',
  required: ['size'],
  additionalProperties: false,
  properties: {
    size: { type: 'integer', enum: [1, 2, 4, 8, 16] },
    signed: { type: 'boolean' },
    float: { type: 'boolean' },
  },
};

const NULLABLE_STRING: JsonSchema = { type: ['string', 'null'] };

/** The schema of a layout file. */
export const LAYOUT_SCHEMA: JsonSchema = {
  $schema: 'https://json-schema.org/draft/2020-12/schema',
  title: 'stallcore layout file',
  description:
    'Where the members of a kernel’s structs lie. Keys of `structs` and `enums` are C tags; an ' +
    'anonymous type that a typedef names is `typedef#`, another one `outer#0`, a second type of ' +
    'one tag `tag##1`.',
  type: 'object',
  required: ['format', 'arch', 'producer', 'source', 'pointerSize', 'structs'],
  additionalProperties: false,
  properties: {
    $schema: { type: 'string' },
    format: { const: LAYOUT_FORMAT },
    release: { ...NULLABLE_STRING, description: 'uname -r of the kernel; null if it fits many' },
    arch: { type: 'string', description: 'uname -m of the kernel' },
    banner: { ...NULLABLE_STRING, description: 'linux_banner without the newline at its end' },
    buildId: { type: ['string', 'null'], pattern: '^[0-9a-f]{16,64}$' },
    producer: { type: 'string', description: 'the program that wrote the file' },
    source: { type: 'string', description: 'what it was made from' },
    pointerSize: { enum: [4, 8] },
    baseTypes: { type: 'object', additionalProperties: BASE_TYPE },
    typedefs: { type: 'object', propertyNames: NAMES, additionalProperties: { type: 'string' } },
    structs: { type: 'object', propertyNames: TYPE_NAMES, additionalProperties: STRUCT },
    enums: { type: 'object', propertyNames: TYPE_NAMES, additionalProperties: ENUM },
    enumerators: {
      description: 'values of enums that have no name',
      type: 'object',
      propertyNames: NAMES,
      additionalProperties: VALUE,
    },
    flags: {
      description: 'sets of flag bits that no type carries: set → flag → bit number',
      type: 'object',
      additionalProperties: {
        type: 'object',
        propertyNames: NAMES,
        additionalProperties: { type: 'integer', minimum: 0, maximum: 127 },
      },
    },
  },
};

/**
 * Checks a parsed layout file.
 *
 * @throws FormatError naming the path of the first value that does not fit
 */
export function validateJson(value: unknown, schema: JsonSchema, path = '$'): void {
  checkType(value, schema, path);
  if (schema.const !== undefined && value !== schema.const) {
    throw mismatch(path, JSON.stringify(schema.const), value);
  }
  if (schema.enum !== undefined && !schema.enum.includes(value as string | number)) {
    throw mismatch(path, schema.enum.map((item) => JSON.stringify(item)).join(' or '), value);
  }
  if (typeof value === 'string') checkPattern(value, schema, path);
  else if (typeof value === 'number') checkRange(value, schema, path);
  else if (Array.isArray(value)) checkItems(value, schema, path);
  else if (isObject(value)) checkProperties(value, schema, path);
}

function checkType(value: unknown, schema: JsonSchema, path: string): void {
  if (schema.type === undefined) return;
  const types = typeof schema.type === 'string' ? [schema.type] : schema.type;
  if (!types.some((type) => hasType(value, type))) throw mismatch(path, types.join(' or '), value);
}

function hasType(value: unknown, type: JsonType): boolean {
  switch (type) {
    case 'null':
      return value === null;
    case 'array':
      return Array.isArray(value);
    case 'object':
      return isObject(value);
    case 'integer':
      return Number.isSafeInteger(value);
    default:
      return typeof value === type;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

const PATTERNS = new Map<string, RegExp>();

function checkPattern(value: string, { pattern }: JsonSchema, path: string): void {
  if (pattern === undefined) return;
  let regex = PATTERNS.get(pattern);
  if (regex === undefined) PATTERNS.set(pattern, (regex = new RegExp(pattern, 'u')));
  if (!regex.test(value)) throw mismatch(path, `a match of ${pattern}`, value);
}

function checkRange(value: number, { minimum, maximum }: JsonSchema, path: string): void {
  if (minimum !== undefined && value < minimum) throw mismatch(path, `at least ${minimum}`, value);
  if (maximum !== undefined && value > maximum) throw mismatch(path, `at most ${maximum}`, value);
}

function checkItems(value: readonly unknown[], schema: JsonSchema, path: string): void {
  const { minItems = 0, maxItems = Infinity, items } = schema;
  if (value.length < minItems || value.length > maxItems) {
    throw mismatch(path, `${minItems} to ${maxItems} items`, value);
  }
  if (items !== undefined) value.forEach((item, i) => validateJson(item, items, `${path}[${i}]`));
}

function checkProperties(value: Record<string, unknown>, schema: JsonSchema, path: string): void {
  for (const name of schema.required ?? []) {
    if (!Object.hasOwn(value, name))
      throw new FormatError({ section: 'layout' }, `${path}: expected ${name}, have none`);
  }
  for (const [name, item] of Object.entries(value)) {
    const at = `${path}.${name}`;
    if (schema.propertyNames !== undefined) checkPattern(name, schema.propertyNames, at);
    const properties = schema.properties ?? {};
    const known = Object.hasOwn(properties, name) ? properties[name] : schema.additionalProperties;
    if (known === false) throw new FormatError({ section: 'layout' }, `${at}: not in the schema`);
    if (typeof known === 'object') validateJson(item, known, at);
  }
}

function mismatch(path: string, expected: string, have: unknown): FormatError {
  const text = JSON.stringify(have);
  const short = text.length > 40 ? `${text.slice(0, 40)}…` : text;
  return new FormatError({ section: 'layout' }, `${path}: expected ${expected}, have ${short}`);
}
