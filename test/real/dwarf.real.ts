// DWARF of a distribution's vmlinux against its BTF and against pahole. STALLCORE_VMLINUX_K61 names
// the vmlinux of Debian's linux-image-6.1.*-dbg; any other with DWARF and .BTF will do.

import assert from 'node:assert/strict';
import { FileSource } from '../../src/target/file-source.ts';
import { readVmlinux } from '../../src/target/vmlinux.ts';
import { findMember, sizeOf, type CType, type StructType } from '../../src/types/ctype.ts';
import { memberTypeWords } from '../../src/types/declaration.ts';
import { DwarfTypes } from '../../src/types/dwarf-types.ts';
import type { TypeSource } from '../../src/types/ctype.ts';
import { exportLayout } from '../../src/types/export.ts';
import { USED_ENUMERATORS, USED_TYPES } from '../../src/types/used-structs.ts';
import { DEFINED } from '../../src/format/dwarf/scan.ts';
import { hasProgram, skipWithReason } from '../support/bpftool.ts';
import { paholeStructs } from '../support/pahole.ts';

const PATH = process.env.STALLCORE_VMLINUX_K61 ?? '';
const UNKNOWN = {
  ...{ release: null, arch: 'x86_64', banner: null, buildId: null },
  producer: 'test',
};

/** Fewer would say that what pahole prints was not understood. */
const STRUCTS_MIN = 200;

/** All that a type says of itself, in comparable words. */
function describeType(type: CType | undefined): unknown {
  switch (type?.kind) {
    case 'struct':
    case 'union':
      return {
        kind: type.kind,
        size: type.size,
        members: type.members.map((member) => ({
          name: member.name,
          bitOffset: member.bitOffset,
          bitSize: member.bitSize,
          type: flattened(memberTypeWords(member)),
          inside: member.name === '' ? describeType(member.type) : undefined,
        })),
      };
    case 'enum': {
      const values = [...type.values].map(([name, value]) => `${name} ${value}`);
      return { size: type.size, signed: type.signed, values };
    }
    default:
      return type && { kind: type.kind, size: sizeOf(type) };
  }
}

/** pahole makes one dimension of all when it writes BTF. */
function flattened(words: string): string {
  return words.replace(/(\[\d+\]){2,}/g, (all) => {
    const counts = [...all.matchAll(/\d+/g)].map(Number);
    return `[${counts.reduce((product, count) => product * count, 1)}]`;
  });
}

describe('DWARF of a real vmlinux', function () {
  this.timeout(600_000);
  const sources: FileSource[] = [];

  const open = async (context: Mocha.Context, preferDwarf: boolean): Promise<TypeSource> => {
    if (PATH === '') skipWithReason(context, 'STALLCORE_VMLINUX_K61 names no vmlinux');
    const source = FileSource.open(PATH);
    sources.push(source);
    const { types } = await readVmlinux(source, { path: PATH, preferDwarf });
    assert.ok(types !== undefined);
    return types;
  };

  after(() => {
    for (const source of sources) source.close();
  });

  it('equals its BTF in every type that stallcore reads', async function () {
    const dwarf = await open(this, true);
    const btf = await open(this, false);
    assert.match(`${dwarf.origin}, ${btf.origin}`, /^DWARF of .*, BTF of /);
    let found = 0;
    for (const name of USED_TYPES) {
      const [kind, tag = ''] = name.split(' ') as ['struct' | 'union' | 'enum' | 'typedef', string];
      const theirs = describeType(btf.find(kind, tag));
      assert.deepEqual(describeType(dwarf.find(kind, tag)), theirs, name);
      if (theirs !== undefined) found++;
    }
    for (const name of USED_ENUMERATORS) {
      assert.equal(dwarf.findEnumerator(name), btf.findEnumerator(name), name);
    }
    assert.ok(found > 180, `${found} types`);
  });

  it('makes a layout file of less than 200 KB', async function () {
    const types = await open(this, true);
    const identity = { ...UNKNOWN, source: types.origin };
    const { text, missing } = exportLayout(types, { identity });
    assert.ok(text.length < 200_000, `${text.length} bytes`);
    assert.ok(!missing.includes('struct task_struct'));
  });

  it('knows the per-CPU variables as its BTF does', async function () {
    const dwarf = await open(this, true);
    const btf = await open(this, false);
    for (const name of ['runqueues', 'kernel_cpustat', 'current_task', 'cpu_worker_pools']) {
      assert.deepEqual(
        describeType(dwarf.variableType?.(name)),
        describeType(btf.variableType?.(name)),
        name,
      );
    }
  });

  it('places the members of structs as pahole does', async function () {
    const types = await open(this, true);
    if (!hasProgram('pahole')) skipWithReason(this, 'pahole is not installed');
    assert.ok(types instanceof DwarfTypes);
    let structs = 0;
    let members = 0;
    for (const theirs of paholeStructs({ path: PATH, format: 'dwarf' })) {
      // Of several structs of one name pahole may print another one.
      if (types.index.find(DEFINED.struct, theirs.name).length !== 1) continue;
      const struct = types.find('struct', theirs.name) as StructType;
      assert.equal(struct.size, theirs.size, theirs.name);
      structs++;
      for (const member of theirs.members) {
        const place = findMember(struct, member.name);
        const size = place?.bitSize ?? (place && sizeOf(place.type));
        const ours = { name: member.name, bitOffset: place?.bitOffset, size };
        assert.deepEqual(ours, member, `${theirs.name}.${member.name}`);
        members++;
      }
    }
    assert.ok(structs > STRUCTS_MIN, `${structs} structs`);
    this.test!.title += ` (${structs} structs, ${members} members)`;
  });
});
