import assert from 'node:assert/strict';
import {
  byteAndBitsOf,
  findMember,
  sizeOf,
  type CType,
  type Member,
  type StructType,
} from '../../src/types/ctype.ts';

const INT: CType = { kind: 'int', name: 'int', size: 4, signed: true };

/** A member whose type is a getter of its class, as those of BTF and of layout files are. */
class LazyMember implements Member {
  readonly name: string;
  readonly bitOffset: number;
  readonly bitSize: number | undefined;
  readonly #type: CType;

  constructor(name: string, bitOffset: number, type: CType) {
    this.name = name;
    this.bitOffset = bitOffset;
    this.bitSize = undefined;
    this.#type = type;
  }

  get type(): CType {
    return this.#type;
  }
}

function struct(name: string, size: number, members: readonly Member[]): StructType {
  return { kind: 'struct', name, size, members };
}

const inner = struct('inner', 8, [new LazyMember('a', 0, INT), new LazyMember('b', 32, INT)]);
const unnamed = struct('', 12, [new LazyMember('c', 0, INT), new LazyMember('deep', 32, inner)]);
const grid: CType = {
  kind: 'array',
  count: 2,
  element: { kind: 'array', count: 3, element: inner },
};
const outer = struct('outer', 128, [
  new LazyMember('first', 0, INT),
  new LazyMember('', 64, struct('', 16, [new LazyMember('', 32, unnamed)])),
  new LazyMember('inner', 192, inner),
  new LazyMember('grid', 256, grid),
  new LazyMember('pointer', 640, { kind: 'pointer', size: 8, target: inner }),
]);

describe('findMember', () => {
  const places: readonly [path: string, bitOffset: number, size: number][] = [
    ['first', 0, 4],
    ['inner.b', 224, 4],
    ['c', 96, 4],
    ['deep.b', 160, 4],
    ['grid', 256, 48],
    ['grid[1]', 448, 24],
    ['grid[1][2].b', 608, 4],
  ];
  for (const [path, bitOffset, size] of places) {
    it(`finds ${path}`, () => {
      const place = findMember(outer, path);
      assert.equal(place?.bitOffset, bitOffset);
      assert.equal(sizeOf(place.type), size);
    });
  }

  for (const path of ['', 'none', 'first.a', 'pointer.a', 'inner[0]', 'inner.', '.inner', 'a b']) {
    it(`finds nothing at '${path}'`, () => assert.equal(findMember(outer, path), undefined));
  }

  it('keeps the width of a bit field', () => {
    const field = { name: 'flag', bitOffset: 35, bitSize: 2, type: INT };
    const holder = struct('h', 8, [
      { ...field, name: '', bitSize: undefined, bitOffset: 0, type: struct('', 8, [field]) },
    ]);
    assert.deepEqual(findMember(holder, 'flag'), { bitOffset: 35, bitSize: 2, type: INT });
  });
});

describe('sizeOf', () => {
  it('is 0 for what has no size', () => {
    assert.equal(sizeOf({ kind: 'void' }), 0);
    assert.equal(sizeOf({ kind: 'function' }), 0);
    assert.equal(sizeOf({ kind: 'array', element: INT, count: 0 }), 0);
  });
});

describe('byteAndBitsOf', () => {
  it('counts the bits of a bit field from the byte that it begins in', () => {
    assert.deepEqual(byteAndBitsOf({ bitOffset: 21, bitSize: 5, type: { kind: 'void' } }), {
      byte: 2,
      bits: { start: 5, size: 5 },
    });
  });

  it('has no bits of an ordinary member', () => {
    const place = { bitOffset: 64, bitSize: undefined, type: { kind: 'void' } } as const;
    assert.deepEqual(byteAndBitsOf(place), { byte: 8, bits: undefined });
  });
});
