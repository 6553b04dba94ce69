import assert from 'node:assert/strict';
import { KernelImage } from '../../../src/sim/image/kernel-image.ts';

const MIB = 1 << 20;
const KASLR = { kernelOffset: 0x2000000n, physBase: -0x1000000 };

describe('KernelImage', () => {
  it('lies where KASLR put it, in virtual and physical memory', () => {
    const image = new KernelImage(KASLR);
    assert.equal(image.start, 0xffffffff83000000n);
    assert.equal(image.startPaddr, 0x2000000);
    assert.equal(image.paddrOf(image.start), image.startPaddr);
  });

  it('has sections of whole large pages, side by side', () => {
    const { sections, start, size } = new KernelImage(KASLR);
    let next: bigint = start;
    for (const section of sections) {
      assert.equal(section.address, next);
      assert.equal(section.size % (2 * MIB), 0);
      next += BigInt(section.size);
    }
    assert.equal(next, start + BigInt(size));
  });

  it('gives symbols of a section ascending addresses, aligned as asked', () => {
    const image = new KernelImage(KASLR);
    const data = image.section('data').address;
    assert.equal(image.define('a', { section: 'data', size: 3 }), data);
    assert.equal(image.define('b', { section: 'data', size: 1 }), data + 8n);
    assert.equal(image.define('c', { section: 'data', size: 1, align: 4096 }), data + 4096n);
    assert.equal(image.used('data'), data + 4097n);
  });

  it('counts per-CPU variables from 0', () => {
    const image = new KernelImage(KASLR);
    image.define('fixed_percpu_data', { section: 'percpu', size: 48 });
    assert.equal(image.define('runqueues', { section: 'percpu', size: 100, align: 64 }), 64n);
    assert.equal(image.perCpuSize, 164);
  });

  it('lists symbols by address with the letters of nm', () => {
    const image = new KernelImage(KASLR);
    image.define('counter', { section: 'bss', size: 8 });
    image.define('table', { section: 'rodata', size: 8, local: true });
    image.define('cpu_number', { section: 'percpu', size: 4 });
    image.define('start', { section: 'text', size: 16 });
    const listed = image.symbols().map(({ type, name }) => `${type} ${name}`);
    assert.deepEqual(listed, ['A cpu_number', 'T start', 'r table', 'B counter']);
  });

  const refused: [what: string, act: (image: KernelImage) => void, message: RegExp][] = [
    [
      'a name that is taken',
      (image) => {
        image.define('a', { section: 'data', size: 1 });
        image.define('a', { section: 'bss', size: 1 });
      },
      /symbol a is defined twice/,
    ],
    [
      'more than a section holds',
      (image) => image.define('a', { section: 'text', size: 2 * MIB + 1 }),
      /section text: no room/,
    ],
    ['a symbol that nobody defined', (image) => image.symbol('none'), /no symbol none/],
  ];
  for (const [what, act, message] of refused) {
    it(`refuses ${what}`, () => {
      assert.throws(() => act(new KernelImage(KASLR)), message);
    });
  }

  it('refuses offsets that KASLR cannot draw', () => {
    assert.throws(() => new KernelImage({ ...KASLR, kernelOffset: 0x1000n }), /2 MiB/);
    assert.throws(() => new KernelImage({ ...KASLR, physBase: 4096 }), /2 MiB/);
    assert.throws(() => new KernelImage({ ...KASLR, physBase: -0x40000000 }), /would lie at/);
  });
});
