import assert from 'node:assert/strict';
import type { KernelIdentity } from '../../src/target/identity.ts';
import { whyNoTypes } from '../../src/target/no-types.ts';
import { SymbolList } from '../../src/target/symbol-list.ts';
import type { Vmlinux } from '../../src/target/vmlinux.ts';
import { vaddr } from '../../src/util/address.ts';

const TEXT = { name: '_text', address: vaddr(0xffffffff81000000n), type: 'T', size: 0 };
const SYMBOLS = new SymbolList('kallsyms', [TEXT]);
const STRIPPED: Vmlinux = {
  name: 'vmlinux-x',
  buildId: undefined,
  banner: undefined,
  types: undefined,
  symbols: () => undefined,
  close: () => undefined,
};

function kernel(release: string, banner?: string): KernelIdentity {
  const source = 'test';
  return {
    release: { value: release, source },
    buildId: { value: 'ab12', source },
    ...(banner === undefined ? {} : { banner: { value: banner, source } }),
    physBase: { value: 0, source },
    pageTableDepth: { value: 4, source },
    rootPageTable: '0x1000',
    vmcoreinfo: source,
  };
}

function why(release: string, banner?: string, vmlinux?: Vmlinux): string {
  return whyNoTypes({ symbols: SYMBOLS, identity: kernel(release, banner), vmlinux });
}

describe('whyNoTypes', () => {
  it('names the release and the build ID, what makes a layout file, and what works without', () => {
    assert.equal(
      why('4.4.1-own'),
      'the dump has no BTF, and no layout file in structs/ was made from this kernel, 4.4.1-own ' +
        "(build ID ab12); its vmlinux with debuginfo (the distribution's debug package) has " +
        'them: --vmlinux VMLINUX, or once `stallcore structs export VMLINUX -o FILE` and from ' +
        'then on --layout FILE; log, symbols and most of info work without',
    );
  });

  it('says that the vmlinux that was given is stripped', () => {
    assert.match(
      why('4.4.1-own', undefined, STRIPPED),
      /\(build ID ab12\); vmlinux vmlinux-x is stripped: neither \.BTF nor \.debug_info; its/,
    );
  });

  const packages: [release: string, banner: string, named: RegExp][] = [
    [
      '6.1.0-56-cloud-amd64',
      'Linux version 6.1.0-56-cloud-amd64 (debian-kernel@lists.debian.org) (gcc-12 (Debian 12',
      /\(linux-image-6\.1\.0-56-cloud-amd64-dbg\)/,
    ],
    [
      '5.4.0-90-generic',
      'Linux version 5.4.0-90-generic (buildd@lgw01) (gcc version 9.3.0 (Ubuntu 9.3.0-17ubuntu1)',
      /\(linux-image-5\.4\.0-90-generic-dbgsym\)/,
    ],
    [
      '4.18.0-348.el8.x86_64',
      'Linux version 4.18.0-348.el8.x86_64 (mockbuild@x86-vm-08) (gcc version 8.5.0)',
      /\(kernel-debuginfo-4\.18\.0-348\.el8\.x86_64\)/,
    ],
  ];
  for (const [release, banner, named] of packages) {
    it(`names the package of ${release}`, () => assert.match(why(release, banner), named));
  }

  it('says that the way to them is by symbols, where there are none', () => {
    const text = whyNoTypes({
      symbols: new SymbolList('none', []),
      identity: kernel('4.4.1-own'),
      vmlinux: undefined,
    });
    assert.match(text, /^none found: without symbols there is no way to them; its vmlinux/);
  });
});
