// A small kernel in BTF: enough of task_struct and its company to try every kind of type on.

import { BTF_INT_BOOL, BTF_INT_CHAR, BTF_INT_SIGNED } from '../../src/format/btf/constants.ts';
import { readBtf } from '../../src/format/btf/read.ts';
import type { BtfTable } from '../../src/format/btf/table.ts';
import { BtfWriter, type BtfWriterOptions } from '../../src/format/btf/write.ts';

/** Ids of the types that tests ask for. */
export interface BtfKernel {
  readonly writer: BtfWriter;
  readonly ids: Readonly<Record<'int' | 'char' | 'ulong' | 'listHead' | 'task' | 'opaque', number>>;
}

/** Types of every kind from INT to ENUM64. */
export function btfKernel(options: BtfWriterOptions = {}): BtfKernel {
  const w = new BtfWriter(options);
  const base = baseTypes(w);
  const parts = partTypes(w, base);
  const task = taskStruct(w, { ...base, ...parts });
  w.enum64('wide', [
    { name: 'WIDE_TOP', value: 1n << 63n },
    { name: 'WIDE_ONE', value: 1 },
  ]);
  const func = w.func('schedule', w.funcProto(0, []));
  w.declTag('noreturn', func);
  const rq = w.struct('rq', 8, [{ name: 'curr', type: w.ptr(task), bitOffset: 0 }]);
  const runqueues = w.var('runqueues', rq);
  w.datasec('.data..percpu', 8, [{ type: runqueues, offset: 0, size: 8 }]);
  const { int, char, ulong } = base;
  return { writer: w, ids: { int, char, ulong, task, ...parts } };
}

type BaseIds = Record<'int' | 'uint' | 'char' | 'bool' | 'ulong' | 'u8', number>;
type PartIds = Record<'listHead' | 'atomic' | 'record' | 'opaque', number>;

function baseTypes(w: BtfWriter): BaseIds {
  const int = w.int('int', 4, BTF_INT_SIGNED);
  const uint = w.int('unsigned int', 4);
  const char = w.int('char', 1, BTF_INT_SIGNED | BTF_INT_CHAR);
  const bool = w.int('_Bool', 1, BTF_INT_BOOL);
  const ulong = w.int('long unsigned int', 8);
  w.float('double', 8);
  const u8 = w.int('unsigned char', 1);
  return { int, uint, char, bool, ulong, u8 };
}

function partTypes(w: BtfWriter, { int, uint, u8, ulong }: BaseIds): PartIds {
  // The pointer comes first and names the struct that follows it.
  const listPointer = w.ptr(w.nextId + 1);
  const listHead = w.struct('list_head', 16, [
    { name: 'next', type: listPointer, bitOffset: 0 },
    { name: 'prev', type: listPointer, bitOffset: 64 },
  ]);
  const counter = w.struct('', 4, [{ name: 'counter', type: int, bitOffset: 0 }]);
  const atomic = w.typedef('atomic_t', counter);
  const record = w.struct('memalloc_info', 24, [
    { name: 'sequence', type: uint, bitOffset: 0 },
    { name: 'valid', type: u8, bitOffset: 32 },
    { name: 'dumped', type: u8, bitOffset: 40 },
    { name: 'start', type: ulong, bitOffset: 64 },
    { name: 'order', type: uint, bitOffset: 128 },
    { name: 'gfp', type: w.nextId + 1, bitOffset: 160 },
  ]);
  w.typedef('gfp_t', uint);
  return { listHead, atomic, record, opaque: w.fwd('css_set', 'struct') };
}

function taskStruct(w: BtfWriter, ids: BaseIds & PartIds): number {
  const { int, uint, char, bool } = ids;
  const anonymous = w.union('', 8, [
    { name: 'mm', type: w.ptr(0), bitOffset: 0 },
    { name: 'words', type: w.array(uint, 2, int), bitOffset: 0 },
  ]);
  const comm = w.array(char, 16, int);
  const policies = ['SCHED_NORMAL', 'SCHED_FIFO'].map((name, value) => ({ name, value }));
  const values = [...policies, { name: 'SCHED_NONE', value: -1 }];
  const policy = w.enum('sched_policy', values, { signed: true });
  const parameters = [
    { name: 'task', type: int },
    { name: '', type: 0 },
  ];
  const handler = w.restrict(w.ptr(w.funcProto(0, parameters)));
  const pid = w.typeTag('user', w.const(w.volatile(int)));
  const cgroups = w.ptr(ids.opaque);
  return w.struct('task_struct', 128, [
    { name: 'tasks', type: ids.listHead, bitOffset: 0 },
    { name: '', type: anonymous, bitOffset: 128 },
    { name: 'pid', type: pid, bitOffset: 192 },
    { name: 'comm', type: comm, bitOffset: 224 },
    { name: 'usage', type: ids.atomic, bitOffset: 352 },
    { name: 'in_memstall', type: uint, bitOffset: 386, bitSize: 1 },
    { name: 'nice', type: int, bitOffset: 387, bitSize: 7 },
    { name: 'policy', type: policy, bitOffset: 416 },
    { name: 'memalloc', type: ids.record, bitOffset: 448 },
    { name: 'cgroups', type: cgroups, bitOffset: 640 },
    { name: 'handler', type: handler, bitOffset: 704 },
    { name: 'frozen', type: bool, bitOffset: 768 },
  ]);
}

/** The same, read. */
export function btfKernelTable(options: BtfWriterOptions = {}): BtfTable {
  return readBtf(btfKernel(options).writer.finish());
}
