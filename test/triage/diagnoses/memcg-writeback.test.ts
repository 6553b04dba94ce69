import assert from 'node:assert/strict';
import { memcgWriteback } from '../../../src/triage/diagnoses/memcg-writeback.ts';
import { facts, type TaskSketch } from '../../support/facts-builder.ts';

describe('memcgWriteback', () => {
  const waits: TaskSketch = {
    pid: 27,
    comm: 'mysqld',
    offCpu: 35,
    calls:
      'io_schedule < folio_wait_writeback < shrink_folio_list < shrink_lruvec < ' +
      'try_to_free_mem_cgroup_pages < try_charge_memcg',
  };
  const writes: TaskSketch = { ...waits, calls: `${waits.calls} < file_write_and_wait_range` };
  const of = (tasks: readonly TaskSketch[], writeback = 9): ReturnType<typeof memcgWriteback> =>
    memcgWriteback(facts(tasks, { writeback }));

  it('does not say more of the page than it knows', () => {
    const finding = of([writes]);
    assert.equal(finding?.confidence, 'likely');
    assert.match(finding.sentence, /while it is writing pages, and may have yet to submit/);
    assert.match(finding.missing.join(), /whether the page is in a bio/);
    assert.match(of([writes, { ...waits, pid: 28 }])?.sentence ?? '', /while mysqld\(27\) is writ/);
  });

  it('is possible where the wait is not known to be long, or nothing is being written', () => {
    const { offCpu, ...unknown } = writes;
    assert.equal(offCpu, 35);
    assert.equal(of([unknown])?.confidence, 'possible');
    assert.equal(of([writes], 0)?.confidence, 'possible');
    assert.match(of([writes], 0)?.against.join() ?? '', /NR_WRITEBACK is 0/);
    assert.equal(of([{ ...writes, offCpu: 3 }]), undefined);
  });

  it('says that a kernel lacks a commit only where the wait shows it', () => {
    const next = (evidenceGfp?: string): string =>
      of([{ ...writes, ...(evidenceGfp === undefined ? {} : { evidenceGfp }) }])?.next ?? '';
    assert.match(next('GFP_NOFS'), /this kernel lacks commit ecf5fc6e9654/);
    assert.match(next('GFP_KERNEL'), /why a writer of pages asks for memory with __GFP_FS/);
    assert.doesNotMatch(next('GFP_KERNEL'), /ecf5fc6e9654/);
    assert.match(next(), /find out whether it asks with __GFP_FS/);
  });
});
