import assert from 'node:assert/strict';
import { readdirSync, readFileSync, statSync } from 'node:fs';
import { LAYOUT_SCHEMA, validateJson, type JsonSchema } from '../../src/types/layout-schema.ts';
import { FormatError } from '../../src/util/errors.ts';

const STRUCTS = new URL('../../structs/', import.meta.url);

function readJson(name: string): unknown {
  return JSON.parse(readFileSync(new URL(name, STRUCTS), 'utf8'));
}

describe('LAYOUT_SCHEMA', () => {
  it('is what structs/schema.json publishes', () => {
    assert.deepEqual(readJson('schema.json'), LAYOUT_SCHEMA);
  });

  for (const name of readdirSync(STRUCTS).filter((file) => file.endsWith('.json'))) {
    if (name === 'schema.json') continue;
    it(`admits structs/${name}`, () => {
      validateJson(readJson(name), LAYOUT_SCHEMA);
      // A file of all that stallcore reads travels by mail.
      assert.ok(statSync(new URL(name, STRUCTS)).size < 200_000);
    });
  }

  it('uses no keyword that the validator would pass over', () => {
    const known = new Set([
      ...['$schema', 'title', 'description', 'type', 'const', 'enum', 'pattern', 'minimum'],
      ...['maximum', 'minItems', 'maxItems', 'items', 'required', 'properties', 'propertyNames'],
      'additionalProperties',
    ]);
    const check = (schema: JsonSchema): void => {
      for (const keyword of Object.keys(schema)) assert.ok(known.has(keyword), keyword);
      const { items, additionalProperties, propertyNames, properties = {} } = schema;
      for (const inner of [
        items,
        additionalProperties,
        propertyNames,
        ...Object.values(properties),
      ]) {
        if (typeof inner === 'object') check(inner);
      }
    };
    check(LAYOUT_SCHEMA);
  });
});

describe('validateJson', () => {
  const cases: readonly [what: string, value: unknown, schema: JsonSchema, message?: RegExp][] = [
    ['an integer', 5, { type: 'integer' }],
    ['a fraction', 1.5, { type: 'integer' }, /^layout: \$: expected integer, have 1\.5$/],
    ['an integer beyond 2^53', 2 ** 60, { type: 'integer' }, /expected integer/],
    ['one of two types', null, { type: ['string', 'null'] }],
    ['neither of two types', 1, { type: ['string', 'null'] }, /expected string or null, have 1$/],
    ['an array for an object', [], { type: 'object' }, /expected object, have \[\]$/],
    ['null for an object', null, { type: 'object' }, /expected object, have null$/],
    ['the constant', 1, { const: 1 }],
    ['another constant', 2, { const: 1 }, /expected 1, have 2$/],
    ['a value of the list', 'a', { enum: ['a', 'b'] }],
    ['a value not of the list', 'c', { enum: ['a', 'b'] }, /expected "a" or "b", have "c"$/],
    ['a match', 'ab', { pattern: '^a' }],
    ['no match', 'ba', { pattern: '^a' }, /expected a match of \^a, have "ba"$/],
    ['too small a number', -1, { minimum: 0 }, /expected at least 0, have -1$/],
    ['too large a number', 9, { maximum: 8 }, /expected at most 8, have 9$/],
    ['too few items', [1], { minItems: 2, maxItems: 2 }, /expected 2 to 2 items, have \[1\]$/],
    [
      'a wrong item',
      [1, 'a'],
      { items: { type: 'integer' } },
      /^layout: \$\[1\]: expected integer/,
    ],
    ['no required property', {}, { required: ['a'] }, /^layout: \$: expected a, have none$/],
    [
      'a property too many',
      { b: 1 },
      { additionalProperties: false },
      /^layout: \$\.b: not in the schema$/,
    ],
    [
      'a name of a property',
      { '1': 0 },
      { propertyNames: { pattern: '^[a-z]' } },
      /^layout: \$\.1: expected a match/,
    ],
    [
      'a deep value',
      { a: { b: 'x' } },
      { properties: { a: { properties: { b: { type: 'integer' } } } } },
      /^layout: \$\.a\.b: expected integer, have "x"$/,
    ],
    [
      'a property named as one of Object',
      { constructor: 1 },
      { properties: {}, additionalProperties: false },
      /constructor: not in the schema$/,
    ],
    ['a long value', 'x'.repeat(100), { const: 1 }, /have "x{39}…$/],
  ];
  for (const [what, value, schema, message] of cases) {
    it(`${message === undefined ? 'admits' : 'refuses'} ${what}`, () => {
      if (message === undefined) return validateJson(value, schema);
      assert.throws(
        () => validateJson(value, schema),
        (error) => error instanceof FormatError && message.test(error.message),
      );
    });
  }
});
