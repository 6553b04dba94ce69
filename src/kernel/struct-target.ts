// What `stallcore struct VMCORE NAME WHAT` reads: which object of type NAME is meant by an address,
// a symbol or a pid.

import type { Vmcore } from '../target/vmcore.ts';
import { placeOf, type CType, type StructType } from '../types/ctype.ts';
import { globalType } from '../types/globals.ts';
import { hex, vaddr, vaddrAdd, type Vaddr } from '../util/address.ts';
import { InvalidError, LookupError } from '../util/errors.ts';
import { escapeText } from '../util/escape.ts';
import { optional } from '../util/optional.ts';
import { Ref } from '../target/ref.ts';
import { cpuSets } from './percpu.ts';
import { runQueues } from './sched.ts';
import { symbolWords } from './struct-value.ts';
import { taskRefs } from './task.ts';

/** An object in memory. */
export interface StructTarget {
  /** As it was asked for: `186`, `oom_lock`, `runqueues:1`. */
  readonly asked: string;
  /** Absent where a pointer on the way there is NULL. */
  readonly address?: string;
  /** The symbol at the address. */
  readonly symbol?: string;
  /** The task whose object it is. */
  readonly task?: { readonly address: string; readonly pid: number; readonly comm: string };
  /** The member of task_struct, or the pointer variable, that leads there. */
  readonly through?: string;
}

/** Of several members that lead from a task to a struct the one that belongs to the task. */
const OWN_MEMBERS: Readonly<Record<string, string>> = {
  mm_struct: 'mm',
  cred: 'cred',
  pid: 'thread_pid',
  io_context: 'io_context',
};

/** A per-CPU symbol is the offset of its variable in each CPU's area. */
const PER_CPU = /^(.+):(\d{1,5})$/;
const SYMBOL = /^([A-Za-z_$][\w.$]*)(?:\[(\d{1,6})\])?(?:\+(0x[0-9a-f]+|\d+))?$/i;

/**
 * The object that a word means: `0x…` or 16 hex digits are an address, other digits are a pid,
 * `NAME`, `NAME[INDEX]`, `NAME+OFFSET` and `NAME:CPU` a symbol. A variable that points to the type
 * is followed; of an array without an index it is the first element.
 *
 * @throws LookupError if there is no such task, symbol or way
 * @throws FaultError if a pointer on the way cannot be read
 */
export function structTarget(vmcore: Vmcore, type: CType, asked: string): StructTarget {
  if (/^0x[0-9a-f]{1,16}$/i.test(asked)) return at(vmcore, asked, vaddr(BigInt(asked)));
  if (/^[0-9a-f]{16}$/i.test(asked)) return at(vmcore, asked, vaddr(BigInt(`0x${asked}`)));
  if (/^\d{1,10}$/.test(asked)) return ofTask(vmcore, type, Number(asked));
  const perCpu = PER_CPU.exec(asked);
  if (perCpu !== null) {
    const [, name = '', cpu = ''] = perCpu;
    return at(vmcore, asked, perCpuAddress(vmcore, name, Number(cpu)));
  }
  return ofSymbol(vmcore, type, asked);
}

function at(vmcore: Vmcore, asked: string, address: Vaddr): StructTarget {
  const place = vmcore.symbols.symbolAt(address);
  return {
    asked,
    address: hex(address),
    ...optional('symbol', place === undefined ? undefined : symbolWords(place)),
  };
}

function perCpuAddress(vmcore: Vmcore, name: string, cpu: number): Vaddr {
  const { possible } = cpuSets(vmcore);
  if (!possible.includes(cpu)) {
    const have = possible.length === 0 ? 'none' : possible.join(' ');
    throw new InvalidError(`${name}:${cpu}: expected a CPU of this machine (${have}), have ${cpu}`);
  }
  return vaddrAdd(vmcore.symbol(name), vmcore.perCpuOffset(cpu));
}

function ofSymbol(vmcore: Vmcore, type: CType, asked: string): StructTarget {
  const [, name = asked, index, offset] = SYMBOL.exec(asked) ?? [];
  const known =
    vmcore.symbols.lookup(name) ??
    vmcore.symbols.lookupAll(name)[0]?.address ??
    vmcore.symbol(name);
  // With an offset it is the place that is meant, whatever the variable is.
  if (offset !== undefined) return at(vmcore, asked, vaddrAdd(known, BigInt(offset)));
  const variable = globalType(vmcore.types, name);
  let reached = new Ref(vmcore, variable ?? type, known);
  if (variable?.kind === 'array' && !isSame(variable, type))
    reached = reached.at(Number(index ?? 0));
  else if (index !== undefined) throw new LookupError('type', `${name}[]`, 'not known as an array');
  if (reached.type.kind !== 'pointer' || !isSame(reached.type.target, type)) {
    return at(vmcore, asked, reached.address);
  }
  const address = reached.pointer();
  const through = { asked, through: `*${name}${index === undefined ? '' : `[${index}]`}` };
  return address === 0n ? through : { ...at(vmcore, asked, address), ...through };
}

function ofTask(vmcore: Vmcore, type: CType, pid: number): StructTarget {
  const task = findTask(vmcore, pid);
  if (task === undefined) throw new LookupError('symbol', `pid ${pid}`, 'no task has it');
  const comm = task.has('comm') ? escapeText(task.member('comm').cString()) : '';
  const told = { asked: String(pid), task: { address: hex(task.address), pid, comm } };
  if (task.type.kind !== 'struct' || isSame(type, task.type)) {
    return { ...told, address: hex(task.address) };
  }
  const through = memberTo(task.type, type, pid);
  const member = task.member(through);
  const address = member.type.kind === 'pointer' ? member.pointer() : member.address;
  const where = { ...told, through: `task_struct.${through}` };
  return address === 0n ? where : { ...where, address: hex(address) };
}

/** Idle tasks share pid 0; that of the first CPU is meant. */
function findTask(vmcore: Vmcore, pid: number): Ref | undefined {
  if (pid === 0) {
    const idle = runQueues(vmcore)[0]?.idle;
    return idle === undefined ? undefined : vmcore.object('task_struct', idle);
  }
  for (const task of taskRefs(vmcore)) {
    const found = vmcore.problems.attempt(`task_struct ${hex(task.address)}.pid`, () => {
      return task.member('pid').number();
    });
    if (found === pid) return task;
  }
  return undefined;
}

/** The member of a task that is such a struct, or points to one. */
function memberTo(task: StructType, type: CType, pid: number): string {
  const name = 'name' in type ? type.name : '';
  const own = OWN_MEMBERS[name];
  if (own !== undefined && placeOf(task, own) !== undefined) return own;
  const leading = task.members.filter((member) => {
    const to = member.type.kind === 'pointer' ? member.type.target : member.type;
    return member.name !== '' && isSame(to, type);
  });
  const [only, ...others] = leading.map((member) => member.name);
  if (only !== undefined && others.length === 0) return only;
  const why =
    only === undefined
      ? 'no member of task_struct leads to one: give an address'
      : `several members of task_struct lead to one (${[only, ...others].join(', ')})`;
  throw new LookupError('member', `${name} of pid ${pid}`, why);
}

/** Types are made once a source, but a struct may be there several times. */
function isSame(a: CType, b: CType): boolean {
  if (a === b) return true;
  const isNamed = (a.kind === 'struct' || a.kind === 'union') && a.kind === b.kind;
  return isNamed && a.name !== '' && a.name === b.name;
}
