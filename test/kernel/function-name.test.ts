import assert from 'node:assert/strict';
import { functionName } from '../../src/kernel/function-name.ts';

describe('functionName', () => {
  const cases: readonly [symbol: string, name: string][] = [
    ['__mutex_lock', '__mutex_lock'],
    ['__mutex_lock.constprop.0', '__mutex_lock'],
    ['shrink_slab.part.0', 'shrink_slab'],
    ['do_exit.cold', 'do_exit'],
    ['foo.isra.0.cold', 'foo'],
    ['bar.constprop.0.isra.12', 'bar'],
    ['baz.llvm.1234567', 'baz'],
    ['.cold', '.cold'],
    ['x.data', 'x.data'],
  ];
  for (const [symbol, name] of cases) {
    it(`is ${name} of ${symbol}`, () => assert.equal(functionName(symbol), name));
  }
});
