import assert from 'node:assert/strict';
import { columnText, fitTable, type Table } from '../../src/report/table.ts';

const TABLE: Table = {
  columns: [
    { title: 'PID', align: 'right' },
    { title: 'ADDRESS', align: 'left' },
    { title: 'SIGNS', align: 'left', widthMin: 6 },
    { title: 'COMM', align: 'left', widthMin: 6 },
  ],
  rows: [
    ['4194304', 'ffff8a83401351c0', 'reclaim,memstall', 'systemd-journal'],
    ['1', 'ffff8a8340111b40', '', 'init'],
  ],
};

const widest = (table: Table): number =>
  Math.max(
    ...columnText(table)
      .split('\n')
      .map((line) => line.length),
  );

describe('fitTable', () => {
  it('leaves a table that fits as it is', () => {
    assert.deepEqual(fitTable(TABLE, widest(TABLE)), TABLE);
  });

  it('cuts the words, the widest first, and no number', () => {
    const [first, second] = fitTable(TABLE, 50).rows;
    assert.deepEqual(first, ['4194304', 'ffff8a83401351c0', 'reclaim,me…', 'systemd-j…']);
    assert.deepEqual(second, TABLE.rows[1]);
  });

  it('is as wide as it may be for every width that the numbers leave room for', () => {
    for (let width = 41; width <= widest(TABLE); width++) {
      assert.equal(widest(fitTable(TABLE, width)), width);
    }
  });

  it('stays wider than the terminal where the numbers alone are', () => {
    const { rows } = fitTable(TABLE, 10);
    assert.deepEqual(rows[0], ['4194304', 'ffff8a83401351c0', 'recla…', 'syste…']);
  });
});
