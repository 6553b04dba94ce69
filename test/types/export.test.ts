import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { BtfTypes } from '../../src/types/btf-types.ts';
import { exportLayout, layoutFileName } from '../../src/types/export.ts';
import { readLayout, type LayoutIdentity } from '../../src/types/layout.ts';
import { readBtf } from '../../src/format/btf/read.ts';
import { btfKernelTable } from '../support/btf-kernel.ts';
import { realBtf } from '../support/btf-real.ts';

const identity: LayoutIdentity = {
  release: '6.1.0-56-cloud-amd64',
  arch: 'x86_64',
  banner: 'Linux version 6.1.0-56-cloud-amd64',
  buildId: '3b43fad5034874490492495d552c0af6a5fab235',
  producer: 'test',
  source: 'test',
};

describe('exportLayout', () => {
  it('exports what stallcore reads and says what the kernel lacks', () => {
    const types = new BtfTypes(btfKernelTable());
    const { text, missing } = exportLayout(types, { identity, flags: { TIF: { TIF_MEMDIE: 20 } } });
    const layout = readLayout(text);
    assert.ok(layout.find('struct', 'task_struct') !== undefined);
    assert.equal(layout.findEnumerator('TIF_MEMDIE'), 20n);
    assert.deepEqual(layout.identity, identity);
    assert.ok(missing.includes('struct mm_struct') && missing.includes('enum zone_stat_item'));
    assert.ok(!missing.includes('struct task_struct') && !missing.includes('typedef gfp_t'));
  });

  it('names what every kernel has and these types do not', () => {
    const { lacking } = exportLayout(new BtfTypes(btfKernelTable()), { identity });
    assert.ok(lacking.includes('struct mm_struct') && lacking.includes('struct pglist_data'));
    assert.ok(!lacking.includes('struct task_struct') && !lacking.includes('enum zone_type'));
  });

  it('refuses types of no kernel', () => {
    const none = {
      origin: 'DWARF of a.out',
      find: (): undefined => undefined,
      findEnumerator: (): undefined => undefined,
    };
    assert.throws(() => exportLayout(none, { identity }), {
      code: 'invalid',
      message: 'DWARF of a.out: not of a kernel, expected a struct task_struct, have none',
    });
  });

  it('exports the types that it is asked for and no others', () => {
    const types = new BtfTypes(btfKernelTable());
    const { text, missing } = exportLayout(types, { identity, names: ['struct rq', 'union none'] });
    assert.deepEqual(Object.keys(readLayout(text).file.structs), ['rq']);
    assert.deepEqual(missing, ['union none']);
  });

  for (const [dump, file] of [
    ['k61-press-d31.kdump', '6.1.0-56-cloud-amd64-x86_64.json'],
    ['k1-victim-wd10.kdump', '6.1.192-kmallocwd-x86_64.json'],
    ['k2-pair-a.kdump', '6.1.192-kmallocwd2-x86_64.json'],
  ] as const) {
    it(`makes structs/${file} again from ${dump}`, async function () {
      const types = new BtfTypes(readBtf(await realBtf(this, dump)));
      const shipped = readFileSync(new URL(`../../structs/${file}`, import.meta.url), 'utf8');
      const layout = readLayout(shipped);
      const { flags } = layout.file;
      const again = exportLayout(types, { identity: layout.identity, flags });
      assert.equal(again.text, shipped);
    });
  }
});

describe('layoutFileName', () => {
  it('is release and architecture, and stays inside its folder', () => {
    assert.equal(layoutFileName(identity), '6.1.0-56-cloud-amd64-x86_64.json');
    const odd = { ...identity, release: '../../etc/x y', arch: 'x86_64' };
    assert.equal(layoutFileName(odd), '.._.._etc_x_y-x86_64.json');
    assert.equal(layoutFileName({ ...identity, release: null }), 'any-x86_64.json');
  });
});
