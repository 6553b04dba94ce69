import assert from 'node:assert/strict';

import { findImage } from '../../src/target/find-image.ts';
import { findInMemory } from '../../src/target/find-in-memory.ts';
import { findLinkedImage, type LinkedSymbols } from '../../src/target/find-linked.ts';
import { InvalidError } from '../../src/util/errors.ts';
import { Problems } from '../../src/util/problems.ts';
import { buildKernel, manySymbols, type SmallKernel } from '../support/small-kernel.ts';

const KASLR = 0x16400000n;
const WHOLE = { moreSymbols: manySymbols, directMap: true, kaslrOffset: KASLR };

/** What the build of a small kernel has; then the tables in its memory are wiped out. */
function withoutTables({ memory, paddr, stext }: SmallKernel): LinkedSymbols {
  const found = findImage(memory, new Problems()).symbols?.symbols() ?? [];
  const symbols = [...found].map(({ name, type, address }) => {
    return { name, type, value: address > KASLR ? address - KASLR : address };
  });
  memory.write(paddr(stext) + 0x40000, new Uint8Array(0x40000));
  assert.throws(() => findInMemory(memory, new Problems()), InvalidError);
  return { origin: 'vmlinux small', symbols };
}

function isInvalid(message: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof InvalidError && message.test(error.message);
}

describe('findLinkedImage', () => {
  for (const depth of [4, 5] as const) {
    it(`finds the kernel of a build that KASLR has moved, with ${depth} levels`, () => {
      const kernel = buildKernel({ ...WHOLE, depth });
      const linked = withoutTables(kernel);
      const found = findLinkedImage(kernel.memory, linked);
      assert.equal(found.physBase, kernel.physBase);
      assert.equal(found.space.depth, depth);
      assert.equal(found.space.translate(kernel.stext), kernel.paddr(kernel.stext));
      assert.equal(found.info.symbol('_stext'), kernel.stext);
      assert.equal(found.info.osrelease, '6.1.0-test');
      assert.equal(
        found.source,
        'none; worked out from the kernel image, by the symbols of vmlinux small',
      );
      assert.equal(
        findInMemory(kernel.memory, new Problems(), { linked: () => linked }).physBase,
        found.physBase,
      );
    });
  }

  it('does not take a build whose banner is elsewhere', () => {
    const kernel = buildKernel(WHOLE);
    const { symbols, origin } = withoutTables(kernel);
    const others = [...symbols].map((each) => ({ ...each, value: each.value + 0x1000n }));
    assert.throws(
      () => findLinkedImage(kernel.memory, { origin, symbols: others }),
      isInvalid(/^vmlinux small: expected its image in memory: no banner is where it has it$/),
    );
  });

  it('does not take an image that the page tables do not map', () => {
    const kernel = buildKernel({ ...WHOLE });
    const linked = withoutTables(kernel);
    kernel.memory.write(kernel.paddr(kernel.stext) + 0x10000 + 511 * 8, new Uint8Array(8));
    assert.throws(
      () => findLinkedImage(kernel.memory, linked),
      isInvalid(/expected its image in memory: swapper_pg_dir at physical address 0x8210000/),
    );
  });

  it('says so where the build has no banner', () => {
    const { memory } = buildKernel();
    assert.throws(
      () => findLinkedImage(memory, { origin: 'System.map x', symbols: [] }),
      isInvalid(/^System.map x: expected linux_banner in the kernel image, have none$/),
    );
  });
});

describe('findInMemory', () => {
  it('names the way out where it finds nothing', () => {
    const kernel = buildKernel(WHOLE);
    withoutTables(kernel);
    assert.throws(
      () => findInMemory(kernel.memory, new Problems()),
      isInvalid(/; --vmlinux or --system-map of this kernel would lead to it$/),
    );
  });
});
