import assert from 'node:assert/strict';
import { PackedSymbols } from '../../src/target/packed-symbols.ts';
import { RecordedSymbols } from '../../src/pack/recorded-symbols.ts';
import { SymbolList } from '../../src/target/symbol-list.ts';
import { vaddr } from '../../src/util/address.ts';

const at = (address: number): ReturnType<typeof vaddr> => vaddr(BigInt(address));

const ALL = new SymbolList('a list', [
  { name: 'outer', address: at(0x1000), type: 'T', size: 0x100 },
  { name: 'inner', address: at(0x1010), type: 't', size: 0x10 },
  { name: 'twice', address: at(0x2000), type: 't', size: 0x10 },
  { name: 'twice', address: at(0x3000), type: 'T', size: 0x10 },
  { name: 'never asked', address: at(0x4000), type: 'T', size: 0x10 },
]);

/** What a note has of the list once some questions were asked, and what it was doubted for. */
function packed(ask: (symbols: RecordedSymbols) => void): {
  symbols: PackedSymbols;
  doubts: string[];
} {
  const recorded = new RecordedSymbols(ALL);
  ask(recorded);
  const table = JSON.parse(JSON.stringify(recorded.noted())) as ReturnType<typeof recorded.noted>;
  const doubts: string[] = [];
  const symbols = new PackedSymbols(table, { onUnasked: (name) => doubts.push(name) });
  return { symbols, doubts };
}

describe('PackedSymbols', () => {
  it('gives the answers that were given', () => {
    const { symbols, doubts } = packed((asked) => {
      asked.lookup('twice');
      asked.lookup('none');
      asked.lookupAll('twice');
      asked.symbolAt(at(0x1018));
    });
    assert.equal(symbols.lookup('twice'), at(0x3000));
    assert.equal(symbols.lookup('none'), undefined);
    assert.deepEqual(
      symbols.lookupAll('twice').map(({ address }) => address),
      [at(0x2000), at(0x3000)],
    );
    assert.deepEqual(symbols.symbolAt(at(0x1018)), ALL.symbolAt(at(0x1018)));
    assert.deepEqual([symbols.origin, symbols.count, doubts], ['a list', 5, []]);
  });

  it('does not take a symbol for covering an address that it was said not to cover', () => {
    const { symbols } = packed((asked) => {
      asked.symbolAt(at(0x1000));
      asked.symbolAt(at(0x1020));
    });
    assert.equal(ALL.symbolAt(at(0x1020)), undefined);
    assert.equal(symbols.symbolAt(at(0x1020)), undefined);
    assert.equal(symbols.symbolAt(at(0x1005))?.name, 'outer');
  });

  it('tells where it is asked what nobody asked: that it has none proves nothing', () => {
    const { symbols, doubts } = packed(() => undefined);
    assert.equal(symbols.lookup('never asked'), undefined);
    assert.deepEqual(symbols.lookupAll('twice'), []);
    assert.deepEqual(doubts, ['never asked', 'twice']);
  });
});
