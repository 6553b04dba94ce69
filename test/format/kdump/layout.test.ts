// The offsets are those that gcc gives (-m64; -m32; -m32 -malign-double, which aligns as arm does),
// and that the packed structs of libkdumpfile state.

import assert from 'node:assert/strict';
import type { KdumpAbi } from '../../../src/format/kdump/layout.ts';
import {
  decodeStruct,
  DISK_DUMP_HEADER,
  encodeStruct,
  KDUMP_SUB_HEADER,
  placeMembers,
  structSize,
} from '../../../src/format/kdump/layout.ts';

type Offsets = Readonly<Record<string, readonly [number, number, number]>>;

const ABIS: readonly KdumpAbi[] = ['lp64', 'ilp32-pack4', 'ilp32-pad8'];

const HEADER: Offsets = {
  signature: [0, 0, 0],
  header_version: [8, 8, 8],
  sysname: [12, 12, 12],
  machine: [272, 272, 272],
  domainname: [337, 337, 337],
  tv_sec: [408, 404, 404],
  tv_usec: [416, 408, 408],
  status: [424, 412, 412],
  block_size: [428, 416, 416],
  sub_hdr_size: [432, 420, 420],
  bitmap_blocks: [436, 424, 424],
  max_mapnr: [440, 428, 428],
  total_ram_blocks: [444, 432, 432],
  device_blocks: [448, 436, 436],
  written_blocks: [452, 440, 440],
  current_cpu: [456, 444, 444],
  nr_cpus: [460, 448, 448],
};

const SUB_HEADER: Offsets = {
  phys_base: [0, 0, 0],
  dump_level: [8, 4, 4],
  split: [12, 8, 8],
  start_pfn: [16, 12, 12],
  end_pfn: [24, 16, 16],
  offset_vmcoreinfo: [32, 20, 24],
  size_vmcoreinfo: [40, 28, 32],
  offset_note: [48, 32, 40],
  size_note: [56, 40, 48],
  offset_eraseinfo: [64, 44, 56],
  size_eraseinfo: [72, 52, 64],
  start_pfn_64: [80, 56, 72],
  end_pfn_64: [88, 64, 80],
  max_mapnr_64: [96, 72, 88],
};

describe('placeMembers', () => {
  for (const [column, abi] of ABIS.entries()) {
    it(`puts the members of both headers where the ${abi} ABI does`, () => {
      for (const [members, offsets] of [
        [DISK_DUMP_HEADER, HEADER],
        [KDUMP_SUB_HEADER, SUB_HEADER],
      ] as const) {
        const placed = new Map(placeMembers(members, abi).map((m) => [m.name, m.offset]));
        for (const [name, columns] of Object.entries(offsets)) {
          assert.equal(placed.get(name), columns[column], name);
        }
      }
    });
  }
});

describe('structSize', () => {
  it('is the end of the last member', () => {
    assert.deepEqual(
      ABIS.map((abi) => structSize(DISK_DUMP_HEADER, abi)),
      [464, 452, 452],
    );
    assert.deepEqual(
      ABIS.map((abi) => structSize(KDUMP_SUB_HEADER, abi)),
      [104, 80, 96],
    );
    assert.equal(structSize([], 'lp64'), 0);
  });
});

describe('encodeStruct', () => {
  for (const abi of ABIS) {
    for (const littleEndian of [true, false]) {
      it(`is the inverse of decodeStruct: ${abi}, ${littleEndian ? 'little' : 'big'}`, () => {
        const values = Object.fromEntries(
          KDUMP_SUB_HEADER.map(([name], i) => [name, i * 0x1234567]),
        );
        const target = { abi, littleEndian };
        const bytes = encodeStruct(values, KDUMP_SUB_HEADER, target);
        const decoded = decodeStruct(bytes, KDUMP_SUB_HEADER, target);
        for (const [name, value] of Object.entries(values)) {
          assert.equal(Number(decoded[name]), value, name);
        }
        assert.deepEqual(encodeStruct(decoded, KDUMP_SUB_HEADER, target), bytes);
      });
    }
  }
});
