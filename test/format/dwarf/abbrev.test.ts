import assert from 'node:assert/strict';
import { AbbrevTables } from '../../../src/format/dwarf/abbrev.ts';
import { DwarfSection } from '../../../src/format/dwarf/section.ts';
import { BytesSource } from '../../../src/util/io.ts';

const STRUCT_TYPE = 0x13;
/** DW_AT_byte_size in DW_FORM_data1. */
const ATTRIBUTE = [0x0b, 0x0b];

/** A table with an abbreviation of `attributes` for each code, and where each of them starts. */
function table(codes: number, attributes: number): { bytes: Uint8Array; starts: number[] } {
  const starts: number[] = [];
  const size = codes * (2 + 1 + 1 + attributes * ATTRIBUTE.length + 2) + 1;
  const bytes = Buffer.alloc(size);
  let at = 0;
  for (let code = 1; code <= codes; code++) {
    starts.push(at);
    at = bytes.writeUInt16LE((code & 0x7f) | 0x80 | ((code >> 7) << 8), at);
    bytes[at++] = STRUCT_TYPE;
    bytes[at++] = 0;
    bytes.fill(Uint8Array.from(ATTRIBUTE), at, (at += attributes * ATTRIBUTE.length));
    at += 2;
  }
  return { bytes, starts };
}

function tablesOf(bytes: Uint8Array): AbbrevTables {
  return new AbbrevTables(new DwarfSection('.debug_abbrev', new BytesSource(bytes, 'test')));
}

describe('AbbrevTables', () => {
  it('reads a table, and gives the same again while it is kept', () => {
    const { bytes, starts } = table(200, 3);
    const tables = tablesOf(bytes);
    const whole = tables.at(0);
    assert.equal(whole.abbrevs.length, 201);
    assert.deepEqual(whole.abbrevs[200]?.specs, [...ATTRIBUTE, ...ATTRIBUTE, ...ATTRIBUTE]);
    assert.equal(tables.at(0), whole);
    assert.equal(tables.at(starts[150]!).abbrevs[150], undefined);
    assert.equal(tables.at(starts[150]!).abbrevs[151]?.tag, STRUCT_TYPE);
  });

  it('reads a large section of many tables as often as a reader needs it', () => {
    const one = table(200, 200).bytes;
    const tables = tablesOf(Buffer.concat(Array<Uint8Array>(60).fill(one)));
    for (let round = 0; round < 4; round++) {
      for (let n = 0; n < 60; n++) assert.equal(tables.at(n * one.length).abbrevs.length, 201);
    }
  });

  it('ends in section and offset where units name tables inside of a large one', () => {
    const { bytes, starts } = table(1600, 400);
    const tables = tablesOf(bytes);
    const read = (): void => starts.forEach((start) => tables.at(start));
    const message = /^\.debug_abbrev\+0x[0-9a-f]+: the tables of all units take longer to parse/;
    assert.throws(read, { code: 'format', message });
  });

  it('refuses a table that is larger than all that may be kept', () => {
    const message = /^\.debug_abbrev\+0x[0-9a-f]+: a table of more abbreviations and attributes/;
    assert.throws(() => tablesOf(table(3000, 400).bytes).at(0), { code: 'format', message });
  });
});
