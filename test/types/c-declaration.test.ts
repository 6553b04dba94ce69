import assert from 'node:assert/strict';
import { BtfTypes } from '../../src/types/btf-types.ts';
import { finderOf, formatCType, intSpellings, parseCType } from '../../src/types/c-declaration.ts';
import { sizeOf, type CType } from '../../src/types/ctype.ts';
import { InvalidError } from '../../src/util/errors.ts';
import { btfKernelTable } from '../support/btf-kernel.ts';

const types = new BtfTypes(btfKernelTable());
const options = { pointerSize: 8, find: finderOf(types) };

function parse(text: string): CType {
  const type = parseCType(text, options);
  assert.ok(type !== undefined, text);
  return type;
}

function format(type: CType): string {
  return formatCType(type, (base) => ('name' in base ? `${base.kind} ${base.name}` : base.kind));
}

describe('parseCType', () => {
  const cases: readonly [text: string, size: number, written?: string][] = [
    ['int', 4],
    ['unsigned int', 4],
    ['unsigned', 4, 'unsigned int'],
    ['unsigned long', 8, 'long unsigned int'],
    ['long unsigned int', 8],
    ['char [16]', 16],
    ['const char []', 0, 'char [0]'],
    ['struct list_head', 16],
    ['struct list_head *', 8],
    ['struct list_head *[]', 0, 'struct list_head *[0]'],
    ['struct list_head * const [3]', 24, 'struct list_head *[3]'],
    ['unsigned int [2][3]', 24],
    ['unsigned int (*)[3]', 8],
    ['unsigned int (*[4])[3]', 32],
    ['void (*)()', 8],
    ['void (*[5])()', 40],
    ['void **', 8],
    ['gfp_t', 4, 'unsigned int'],
    ['enum sched_policy', 4],
    ['struct nobody_knows *', 8],
    ['enum nobody_knows *', 8],
  ];
  for (const [text, size, written = text] of cases) {
    it(`reads ${text}`, () => {
      const type = parse(text);
      assert.equal(sizeOf(type), size);
      assert.equal(format(type), written);
    });
  }

  it('orders dimensions as C does', () => {
    const type = parse('unsigned int [2][3]');
    assert.ok(type.kind === 'array' && type.element.kind === 'array');
    assert.deepEqual([type.count, type.element.count], [2, 3]);
  });

  it('is undefined for an unknown type by value', () => {
    for (const text of ['struct nobody_knows', 'nobody_t [4]', 'enum nobody']) {
      assert.equal(parseCType(text, options), undefined);
    }
  });

  const broken: readonly [text: string, message: RegExp][] = [
    ['', /C type '': expected a name, have ''/],
    ['struct', /expected a name, have ''/],
    ['int [', /expected ']', have ''/],
    ['int [x]', /expected ']', have 'x'/],
    ['int )', /unexpected \)/],
    ['int [99999999999]', /array of 99999999999 elements/],
    ['int (*', /expected '\)', have ''/],
    [`int ${'*'.repeat(70)}`, /more than 64 derivations/],
    [`int ${'(*'.repeat(20)}${')'.repeat(20)}`, /nested too deeply/],
    ['int; drop', /unexpected ;/],
  ];
  for (const [text, message] of broken) {
    it(`refuses '${text.slice(0, 20)}'`, () => {
      assert.throws(
        () => parseCType(text, options),
        (error) => error instanceof InvalidError && message.test(error.message),
      );
    });
  }
});

describe('intSpellings', () => {
  const cases: readonly [string, string[]][] = [
    ['unsigned long', ['long unsigned int', 'unsigned long']],
    ['long', ['long int', 'long']],
    ['long long unsigned int', ['long long unsigned int', 'unsigned long long']],
    ['short', ['short int', 'short']],
    ['unsigned char', ['unsigned char']],
    ['signed char', ['signed char']],
    ['int', ['int']],
    ['_Bool', ['_Bool']],
  ];
  for (const [name, spellings] of cases) {
    it(`spells ${name}`, () => assert.deepEqual(intSpellings(name), spellings));
  }
});
