import assert from 'node:assert/strict';
import { fileURLToPath } from 'node:url';
import { readKernelLog } from '../../src/kernel/printk.ts';
import type { KernelLog } from '../../src/kernel/printk-record.ts';
import type { LogFacts } from '../../src/sim/image/machine-facts.ts';
import { buildMachine } from '../../src/sim/image/machine.ts';
import type { Ref } from '../../src/target/ref.ts';
import { Vmcore } from '../../src/target/vmcore.ts';
import { USED_TYPES } from '../../src/types/used-structs.ts';
import { vaddr, vaddrAdd } from '../../src/util/address.ts';
import { latin1 } from '../../src/util/byte-reader.ts';
import { Prng } from '../../src/util/prng.ts';
import { realDump, withVmcore } from '../support/real-dumps.ts';
import { withImage, withRun } from '../support/simulated.ts';
import { threeStallsTypes } from '../support/three-stalls.ts';
import { threeStalls } from '../support/three-stalls-facts.ts';
import { writeOver } from '../support/write-over.ts';

const TYPES = threeStallsTypes();
/** Of Linux 4.4. */
const OLD_SAMPLE = fileURLToPath(new URL('../../samples/too-many-isolated', import.meta.url));
const OLD = { paths: [`${OLD_SAMPLE}.vmcore`], systemMap: `${OLD_SAMPLE}.System.map` };

/** Records of some length; each one says which it is. */
function facts(count: number, textLength: number): LogFacts[] {
  return Array.from({ length: count }, (_, i) => ({
    timeNs: i * 1_000_000,
    level: i % 8,
    callerPid: i % 5,
    text: `${i} `.padEnd(textLength, 'x'),
  }));
}

/** Opens a machine that has printed this. */
async function withLog<T>(log: readonly LogFacts[], use: (vmcore: Vmcore) => T): Promise<T> {
  const image = buildMachine({ ...threeStalls(), log }, { types: TYPES, btfNames: USED_TYPES });
  return withImage(image, use);
}

/** The same dump to a reader that knows neither types nor symbols but those of VMCOREINFO. */
function withoutTypes(vmcore: Vmcore): Vmcore {
  const { vmcoreinfo } = vmcore;
  const types = Object.assign(Object.create(vmcore.types) as typeof vmcore.types, {
    find: () => undefined,
  });
  const symbols = Object.assign(Object.create(vmcore.symbols) as typeof vmcore.symbols, {
    lookup: (name: string) => vmcoreinfo.symbol(name),
  });
  return new Vmcore({ ...vmcore, types, symbols });
}

function texts({ records }: KernelLog): string[] {
  return records.map(({ bytes }) => latin1(bytes));
}

function ringOf(vmcore: Vmcore): Ref {
  return vmcore.object('printk_ringbuffer', vmcore.global('prb').pointer());
}

/** The descriptor of the newest record but some. */
function descOf(vmcore: Vmcore, back: number): Ref {
  const ring = ringOf(vmcore).member('desc_ring');
  const count = 2 ** ring.member('count_bits').number();
  const head = ring.member('head_id.counter').integer();
  const index = Number(BigInt.asUintN(62, head - BigInt(back)) % BigInt(count));
  return ring.member('descs').at(index);
}

const STATE_SHIFT = 62n;

describe('readKernelLog', () => {
  const lengths = [0, 1, 7, 8, 9, 15, 16, 17, 500].flatMap((length) => facts(3, length));
  it('reads every record of a ring, with level, time and caller', async () => {
    await withLog(lengths, (vmcore) => {
      const { kind, records, lost } = readKernelLog(vmcore);
      assert.deepEqual([kind, lost], ['ring', []]);
      assert.deepEqual(
        records.map(({ bytes, timeUs, level, callerPid, seq }) => {
          return { text: latin1(bytes), timeUs, level, callerPid, seq };
        }),
        lengths.map(({ text, timeNs, level, callerPid }, seq) => {
          return { text, timeUs: timeNs / 1000, level, callerPid, seq };
        }),
      );
    });
  });

  for (const [what, log] of [
    ['text', facts(2_000, 201)],
    ['descriptors', facts(5_000, 8)],
  ] as const) {
    it(`says how many records were overwritten where the ${what} went round`, async () => {
      await withLog(log, (vmcore) => {
        const read = readKernelLog(vmcore);
        const count = log.length - read.records.length;
        assert.ok(count > 0);
        assert.deepEqual(read.lost, [{ seq: 0, count, why: 'overwritten by newer ones' }]);
        assert.deepEqual(
          texts(read),
          log.slice(count).map(({ text }) => text),
        );
      });
    });
  }

  it('finds nothing lost in a ring that nobody has printed to', async () => {
    await withLog([], (vmcore) => {
      assert.deepEqual(readKernelLog(vmcore), { kind: 'ring', records: [], lost: [] });
    });
  });

  it('needs no types where VMCOREINFO has the offsets', async function () {
    await withVmcore(realDump(this, 'k61-press-d31.kdump'), (vmcore) => {
      assert.deepEqual(readKernelLog(withoutTypes(vmcore)), readKernelLog(vmcore));
    });
  });

  it('leaves out a record that is being written, and says so', async () => {
    await withLog(facts(10, 20), (vmcore) => {
      const state = descOf(vmcore, 3).member('state_var.counter');
      const id = BigInt.asUintN(62, state.integer());
      writeOver(vmcore)(state, id);
      const { records, lost } = readKernelLog(vmcore);
      assert.equal(records.length, 9);
      const why = 'still being written when the dump was taken';
      assert.deepEqual(lost, [{ seq: 6, count: 1, why }]);
    });
  });

  it('shows one that may still go on, and not one whose descriptor is another by now', async () => {
    await withLog(facts(10, 20), (vmcore) => {
      const write = writeOver(vmcore);
      const open = descOf(vmcore, 0).member('state_var.counter');
      write(open, (1n << STATE_SHIFT) | BigInt.asUintN(62, open.integer()));
      for (const back of [5, 6]) {
        const other = descOf(vmcore, back).member('state_var.counter');
        write(other, other.integer() + 4096n);
      }
      const { records, lost } = readKernelLog(vmcore);
      assert.equal(records.at(-1)?.seq, 9);
      const why = 'their descriptors were taken for other records';
      assert.deepEqual(lost, [{ seq: 3, count: 2, why }]);
    });
  });

  it('does not take the text of another record for this one', async () => {
    await withLog(facts(10, 20), (vmcore) => {
      const write = writeOver(vmcore);
      const begin = descOf(vmcore, 4).member('text_blk_lpos.begin').integer();
      write(descOf(vmcore, 2).member('text_blk_lpos.begin'), begin);
      const record = readKernelLog(vmcore).records[7];
      assert.deepEqual([record?.bytes.length, record?.damage], [0, 'overwritten']);
    });
  });

  it('tells an empty line from a text for which there was no room', async () => {
    await withLog(facts(10, 20), (vmcore) => {
      const write = writeOver(vmcore);
      for (const [back, lpos] of [
        [0, 3],
        [1, 1],
      ] as const) {
        write(descOf(vmcore, back).member('text_blk_lpos.begin'), lpos);
        write(descOf(vmcore, back).member('text_blk_lpos.next'), lpos);
      }
      const [failed, empty] = readKernelLog(vmcore).records.slice(-2);
      assert.equal(failed?.damage, 'there was no room');
      assert.deepEqual([empty?.bytes.length, empty?.damage], [0, undefined]);
    });
  });

  it('reads a text that ends where the array ends', async () => {
    await withLog(facts(1, 20), (vmcore) => {
      const ring = ringOf(vmcore).member('text_data_ring');
      const size = 1n << ring.member('size_bits').integer();
      const write = writeOver(vmcore);
      const desc = descOf(vmcore, 0);
      const id = BigInt.asUintN(62, desc.member('state_var.counter').integer());
      write(desc.member('text_blk_lpos.begin'), size - 32n);
      write(desc.member('text_blk_lpos.next'), size);
      const word = desc.member('text_blk_lpos.begin');
      const data = ring.member('data').pointer();
      write(word.moved(vaddrAdd(data, size - 32n)), id);
      write(word.moved(vaddrAdd(data, size - 24n)), 0x2021646e65n);
      assert.equal(texts(readKernelLog(vmcore))[0]?.slice(0, 5), 'end! ');
    });
  });

  it('reads the records of a kernel before Linux 5.10', async () => {
    await withRun(OLD, (vmcore) => {
      const { kind, records, lost } = readKernelLog(vmcore);
      const [first] = records;
      // It has printed more than its buffer holds.
      const expected = [{ seq: 0, count: first?.seq, why: 'overwritten by newer ones' }];
      assert.deepEqual([kind, lost], ['records', expected]);
      assert.ok(records.length > 5);
      for (const { level, timeUs } of records) assert.ok(level !== undefined && timeUs! >= 0);
      assert.deepEqual(texts(readKernelLog(withoutTypes(vmcore))), texts({ kind, records, lost }));
    });
  });

  it('stops at a record that has no possible length, and says how many are lost', async () => {
    await withRun(OLD, (vmcore) => {
      const whole = readKernelLog(vmcore).records.length;
      const buffer = vmcore.global('log_buf').pointer();
      const start = vaddrAdd(buffer, vmcore.global('log_first_idx').number());
      const first = vmcore.object('printk_log', start);
      const second = first.moved(vaddrAdd(start, first.member('len').number()));
      writeOver(vmcore)(second.member('len'), 3);
      const { records, lost } = readKernelLog(vmcore);
      assert.equal(records.length, 1);
      assert.deepEqual([lost[1]?.seq, lost[1]?.count], [records[0]!.seq! + 1, whole - 1]);
      assert.match(lost[1]?.why ?? '', /has no possible length/);
    });
  });

  it('comes to an end whatever the structs of the ring hold', async () => {
    await withLog(facts(300, 40), (vmcore) => {
      const prng = new Prng(5);
      const write = writeOver(vmcore);
      const ring = ringOf(vmcore);
      const words = [
        ...['head_id.counter', 'tail_id.counter'].map((name) => ring.member(`desc_ring.${name}`)),
        ...[0, 1, 2, 50, 299].flatMap((back) =>
          ['state_var.counter', 'text_blk_lpos.begin', 'text_blk_lpos.next'].map((name) =>
            descOf(vmcore, back).member(name),
          ),
        ),
      ];
      const values = words.map((word) => word.integer());
      for (let round = 0; round < 60; round++) {
        const at = prng.below(words.length);
        const value = values[at]! ^ (1n << BigInt(prng.below(64)));
        write(words[at]!, value);
        const { records, lost } = readKernelLog(vmcore);
        assert.ok(records.length <= 4096 && lost.length <= 4097);
        write(words[at]!, values[at]!);
      }
    });
  });

  it('fails where there is no log, or its size is none', async () => {
    await withLog([], (vmcore) => {
      writeOver(vmcore)(ringOf(vmcore).member('desc_ring.count_bits'), 40);
      assert.throws(() => readKernelLog(vmcore), /expected a size of 1 to 27 bits, have 40/);
      writeOver(vmcore)(vmcore.global('prb'), vaddr(0n));
      assert.throws(() => readKernelLog(vmcore), /0x0/);
    });
  });
});
