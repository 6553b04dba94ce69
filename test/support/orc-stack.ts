// Walks a stack by the ORC tables of a vmcore, as unwind_next_frame() does for what simulated
// stacks have: calls, the entry from user mode and the end.

import assert from 'node:assert/strict';
import { Orc } from '../../src/format/orc/read.ts';
import type { Vmcore } from '../../src/target/vmcore.ts';
import { vaddr, vaddrAdd, type Vaddr } from '../../src/util/address.ts';
import { BytesSource } from '../../src/util/io.ts';

const FRAMES_MAX = 256;
const tables = new WeakMap<Vmcore, Orc>();

function orcOf(vmcore: Vmcore): Orc {
  let orc = tables.get(vmcore);
  if (orc !== undefined) return orc;
  const source = (start: string, stop: string): BytesSource => {
    const from = vmcore.symbol(start);
    return new BytesSource(vmcore.readBytes(from, Number(vmcore.symbol(stop) - from)), start);
  };
  orc = new Orc({
    ips: source('__start_orc_unwind_ip', '__stop_orc_unwind_ip'),
    ipsAddress: vmcore.symbol('__start_orc_unwind_ip'),
    entries: source('__start_orc_unwind', '__stop_orc_unwind'),
    version: 1,
    lookup: {
      table: source('orc_lookup', 'orc_lookup_end'),
      textStart: vmcore.symbol('_stext'),
    },
  });
  orc.checkAll();
  tables.set(vmcore, orc);
  return orc;
}

/** Function names from an inactive_task_frame to the end of the stack, the innermost first. */
export function orcFunctionsOf(vmcore: Vmcore, threadSp: Vaddr): string[] {
  const orc = orcOf(vmcore);
  const word = (at: bigint): bigint => {
    const bytes = vmcore.readBytes(vaddr(at), 8);
    return new DataView(bytes.buffer, bytes.byteOffset).getBigUint64(0, true);
  };
  const frame = vmcore.object('inactive_task_frame', threadSp);
  let ip = frame.member('ret_addr').integer();
  let bp = frame.member('bp').integer();
  let sp: bigint = vaddrAdd(threadSp, frame.bytes().length);
  const names: string[] = [];
  while (names.length < FRAMES_MAX) {
    // A task that has not run yet begins with a function; others have come back from a call.
    const isStart = names.length === 0 && vmcore.symbols.symbolAt(vaddr(ip))?.offset === 0;
    const at = vaddr(isStart ? ip : ip - 1n);
    const place = vmcore.symbols.symbolAt(at);
    assert.ok(place !== undefined, `no symbol at 0x${ip.toString(16)}`);
    names.push(place.name);
    const entry = orc.find(at);
    assert.ok(entry !== undefined, `no ORC entry at 0x${ip.toString(16)}`);
    if (entry.type === 'end_of_stack') return names;
    if (entry.type === 'regs') {
      const regs = vmcore.object('pt_regs', vaddr(sp + BigInt(entry.spOffset)));
      // It came from user mode.
      assert.equal(regs.member('cs').integer() & 3n, 3n);
      return names;
    }
    assert.equal(entry.type, 'call');
    const caller = (entry.spRegister === 'bp' ? bp : sp) + BigInt(entry.spOffset);
    ip = word(caller - 8n);
    if (entry.bpRegister === 'prev_sp') bp = word(caller + BigInt(entry.bpOffset));
    sp = caller;
  }
  throw new RangeError('the stack does not end');
}
