import assert from 'node:assert/strict';
import { symbolsResult, type SymbolFilter } from '../../src/kernel/symbols-result.ts';
import { SymbolList } from '../../src/target/symbol-list.ts';
import { SymbolsWithModules } from '../../src/target/symbols.ts';
import { vaddr } from '../../src/util/address.ts';
import { InvalidError } from '../../src/util/errors.ts';

const BASE = 0xffffffff81000000n;

function list(symbols: readonly [string, number, string, number, string?][]): SymbolList {
  return new SymbolList(
    'test',
    symbols.map(([name, offset, type, size, module]) => {
      const address = vaddr(BASE + BigInt(offset));
      return { name, address, type, size, ...(module === undefined ? {} : { module }) };
    }),
  );
}

const symbols = new SymbolsWithModules(
  list([
    ['schedule', 0x100, 'T', 0x40],
    ['probe', 0x200, 't', 0x10],
    ['oom_lock', 0x1000, 'D', 0x20],
    ['probe', 0x300, 't', 0x10],
  ]),
  list([
    ['probe', 0x10000, 't', 0x10, 'fuse'],
    ['fuse.odd', 0x10100, 'd', 0, 'fuse'],
  ]),
);

/** What a word finds, in words. */
function find(word: string, filter?: SymbolFilter): string {
  const [answer] = symbolsResult({ symbols }, [word], filter).answers;
  return (answer?.symbols ?? [])
    .map(({ name, address, offsetBytes, module }) => {
      const plus = offsetBytes === undefined ? '' : `+${offsetBytes}`;
      const at = (BigInt(address) - BASE).toString(16);
      return `${at} ${name}${plus}${module === undefined ? '' : ` [${module}]`}`;
    })
    .join(', ');
}

describe('symbolsResult', () => {
  for (const [word, expected] of [
    ['schedule', '100 schedule'],
    ['probe', '200 probe, 300 probe, 10000 probe [fuse]'],
    ['schedule+0x10', '100 schedule+16'],
    ['schedule+64', ''],
    ['nobody', ''],
    ['0xffffffff81000108', '100 schedule+8'],
    ['ffffffff81010004', '10000 probe+4 [fuse]'],
    ['0x10', ''],
    ['*o*_lock', '1000 oom_lock'],
    ['?robe', '200 probe, 300 probe, 10000 probe [fuse]'],
    ['[!p]*e', '100 schedule'],
    ['fuse.*', '10100 fuse.odd [fuse]'],
    ['s.*', ''],
    ['/^(sch|oom)/', '100 schedule, 1000 oom_lock'],
  ] as const) {
    it(`finds ${expected || 'nothing'} by ${word}`, () => {
      assert.equal(find(word), expected);
    });
  }

  it('finds all symbols in order of address where nothing is asked', () => {
    const [answer] = symbolsResult({ symbols }, []).answers;
    const names = answer?.symbols.map(({ name }) => name);
    assert.deepEqual(names, ['schedule', 'probe', 'probe', 'oom_lock', 'probe', 'fuse.odd']);
  });

  it('narrows down to letters and a module', () => {
    assert.equal(find('*', { letters: 'TD' }), '100 schedule, 1000 oom_lock');
    assert.equal(find('probe', { module: 'fuse' }), '10000 probe [fuse]');
    assert.equal(find('probe', { module: 'kernel' }), '200 probe, 300 probe');
  });

  it('has a size where one is known', () => {
    const [answer] = symbolsResult({ symbols }, ['oom_lock', 'nobody']).answers;
    assert.equal(answer?.symbols[0]?.sizeBytes, 0x20);
  });

  it('refuses what is no regular expression', () => {
    assert.throws(() => find('/(/'), InvalidError);
  });
});
