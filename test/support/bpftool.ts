// BTF as bpftool sees it, and ours in the same words, for differential tests.

import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { BtfTable } from '../../src/format/btf/table.ts';

/** What `this` is inside a mocha test, as far as we use it. */
interface Skippable {
  skip(): void;
  test?: { title: string } | undefined;
}

/** Skips the running test and puts the reason into its title. */
export function skipWithReason(context: Skippable, reason: string): void {
  if (context.test !== undefined) context.test.title += ` (skipped: ${reason})`;
  context.skip();
}

/** A type of `bpftool -j btf dump`; values of 16 digits and more are strings. */
export type BpftoolType = Readonly<Record<string, unknown>>;

/** Whether a program answers to `--version`, `version` or `-v`. */
export function hasProgram(name: string, argument = '--version'): boolean {
  return spawnSync(name, [argument], { stdio: 'ignore' }).status === 0;
}

/** The types of a BTF; skips the test where bpftool is not installed. */
export function bpftoolTypes(
  context: Skippable,
  bytes: Uint8Array,
  baseBytes?: Uint8Array,
): BpftoolType[] {
  if (!hasProgram('bpftool', 'version')) skipWithReason(context, 'bpftool is not installed');
  const folder = mkdtempSync(join(tmpdir(), 'stallcore-btf-'));
  try {
    const path = join(folder, 'types.btf');
    writeFileSync(path, bytes);
    const args = ['-j', 'btf', 'dump', 'file', path, 'format', 'raw'];
    if (baseBytes !== undefined) {
      const basePath = join(folder, 'base.btf');
      writeFileSync(basePath, baseBytes);
      args.unshift('-B', basePath);
    }
    const text = execFileSync('bpftool', args, { encoding: 'latin1', maxBuffer: 1 << 28 });
    // JSON.parse would round values of more than 53 bits.
    const exact = text.replace(/"val":(-?\d{16,})/g, '"val":"$1"');
    const { types } = JSON.parse(exact) as { types: BpftoolType[] };
    return types.map(unsignedEnum);
  } finally {
    rmSync(folder, { recursive: true });
  }
}

/** bpftool 7.1 writes unsigned enumerators of 32 bits sign-extended to 64 in its JSON. */
function unsignedEnum(type: BpftoolType): BpftoolType {
  if (type.kind !== 'ENUM' || type.encoding !== 'UNSIGNED') return type;
  const values = type.values as readonly { name: string; val: number | string }[];
  return {
    ...type,
    values: values.map(({ name, val }) => ({ name, val: Number(BigInt.asUintN(32, BigInt(val))) })),
  };
}

/** One of our types as bpftool writes it. */
export function describeBtfType(table: BtfTable, id: number): BpftoolType {
  const type = table.type(id);
  const nameOf = (name: string): string => (name === '' ? '(anon)' : name);
  const name = 'name' in type ? nameOf(type.name) : '(anon)';
  const head = { id, kind: type.kind.toUpperCase(), name };
  switch (type.kind) {
    case 'int': {
      const encoding = ['(none)', 'SIGNED', 'CHAR', 'UNKN', 'BOOL'][type.encoding];
      const { size, bits: nr_bits, offset: bits_offset } = type;
      return { ...head, size, bits_offset, nr_bits, encoding };
    }
    case 'float':
      return { ...head, size: type.size };
    case 'array': {
      const { element: type_id, index: index_type_id, count: nr_elems } = type;
      return { ...head, type_id, index_type_id, nr_elems };
    }
    case 'struct':
    case 'union': {
      const members = type.members.map((member) => ({
        name: nameOf(member.name),
        type_id: member.type,
        bits_offset: member.bitOffset,
        ...(member.bitSize === 0 ? {} : { bitfield_size: member.bitSize }),
      }));
      return { ...head, size: type.size, vlen: members.length, members };
    }
    case 'enum':
    case 'enum64': {
      const values = type.values.map(({ name: key, value }) => ({
        name: key,
        val: exactValue(value),
      }));
      const encoding = type.signed ? 'SIGNED' : 'UNSIGNED';
      return { ...head, encoding, size: type.size, vlen: values.length, values };
    }
    case 'fwd':
      return { ...head, fwd_kind: type.isUnion ? 'union' : 'struct' };
    case 'func_proto': {
      const params = type.params.map((param) => ({
        name: nameOf(param.name),
        type_id: param.type,
      }));
      return { ...head, ret_type_id: type.result, vlen: params.length, params };
    }
    case 'var':
      return { ...head, type_id: type.target, linkage: LINKAGE[type.linkage] };
    case 'datasec': {
      const vars = type.entries.map(({ type: type_id, offset, size }) => ({
        type_id,
        offset,
        size,
      }));
      return { ...head, size: type.size, vlen: vars.length, vars };
    }
    case 'decl_tag':
      return { ...head, type_id: type.target, component_idx: type.component };
    case 'void':
    case 'unknown':
      return head;
    default:
      return { ...head, type_id: type.target };
  }
}

function exactValue(value: bigint): number | string {
  return /^-?\d{16,}$/.test(String(value)) ? String(value) : Number(value);
}

/** What may differ in words and not in meaning is left out of both sides. */
export function comparable(type: BpftoolType): BpftoolType {
  const { linkage: _linkage, ...rest } = type;
  return type.kind === 'FUNC' ? rest : type;
}

const LINKAGE = ['static', 'global', 'extern'];
