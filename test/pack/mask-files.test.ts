import assert from 'node:assert/strict';
import { maskFiles } from '../../src/pack/mask-files.ts';
import type { ContainerInfo } from '../../src/target/container.ts';

function container(...names: string[]): ContainerInfo {
  return {
    format: 'kdump',
    description: 'kdump-compressed v6',
    files: names.map((name) => ({ name, sizeBytes: 1, wrapper: undefined })),
    machine: undefined,
    dumpLevel: 31,
    incomplete: false,
  };
}

describe('maskFiles', () => {
  it('gives a dump, its parts and what was named beside it other names', () => {
    const one = maskFiles(container('acme+1.kdump'), { systemMap: 'maps/acme.map' });
    const { files } = one.container(container('acme+1.kdump'));
    assert.deepEqual(
      files.map(({ name }) => name),
      ['vmcore'],
    );
    assert.equal(one.text('acme+1.kdump is cut off'), 'vmcore is cut off');
    assert.equal(one.text('System.map acme.map'), 'System.map System.map');
    const parts = maskFiles(container('a', 'b'));
    const masked = parts.container(container('a', 'b')).files.map(({ name }) => name);
    assert.deepEqual(masked, ['vmcore.1', 'vmcore.2']);
  });

  it('takes no part of a word for a name', () => {
    const { text } = maskFiles(container('vm'));
    assert.equal(text('vm: vmcoreinfo of vm-1, vm'), 'vmcore: vmcoreinfo of vm-1, vmcore');
  });

  it('masks what a packed dump says of the one it was made of', () => {
    const manifest = { source: { container: container('acme') } };
    const packed = { ...container('again'), packed: manifest } as unknown as ContainerInfo;
    const { files, packed: before } = maskFiles(packed).container(packed);
    assert.deepEqual(
      [files[0]?.name, before?.source.container.files[0]?.name],
      ['vmcore', 'vmcore'],
    );
  });
});
