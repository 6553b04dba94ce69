// Damaged VMCOREINFO. The specimen has no second copy in its memory.

import type { DamagedCase } from '../support/damage.ts';
import type { Specimen } from '../support/specimen.ts';

const edited =
  (from: RegExp | string, to: string) =>
  (s: Specimen): Uint8Array =>
    s.editVmcoreinfo(from, to).elf();

const rewritten =
  (text: string) =>
  (s: Specimen): Uint8Array => {
    s.vmcoreinfo = text;
    return s.elf();
  };

export const VMCOREINFO_CASES: readonly DamagedCase[] = [
  {
    name: 'VMCOREINFO: empty',
    make: rewritten(''),
    exitCode: 1,
    says: /VMCOREINFO in the PT_NOTE: VMCOREINFO: expected OSRELEASE, have 0 other bytes/,
  },
  {
    name: 'VMCOREINFO: binary',
    make: rewritten('\x01\xff'.repeat(999)),
    exitCode: 1,
    says: /VMCOREINFO in the PT_NOTE: VMCOREINFO: expected OSRELEASE, have \d+ other bytes/,
  },
  {
    name: 'VMCOREINFO: 200 KB',
    make: (s) => rewritten(s.vmcoreinfo + 'A=1\n'.repeat(50_000))(s),
    exitCode: 0,
    says: /\d+ tasks, 4 idle tasks; the task list and the pid IDR agree/,
  },
  {
    name: 'VMCOREINFO: cut in its middle',
    make: (s) => rewritten(s.vmcoreinfo.slice(0, 300))(s),
    exitCode: 1,
    says: /VMCOREINFO in the PT_NOTE: VMCOREINFO: expected SYMBOL\(swapper_pg_dir\) above 0x\w+,/,
  },
  {
    name: 'VMCOREINFO: no OSRELEASE',
    make: edited(/OSRELEASE=.*\n/, ''),
    exitCode: 0,
    says: /the task list and the pid IDR agree/,
  },
  {
    name: 'VMCOREINFO: OSRELEASE of another kernel',
    make: edited(/OSRELEASE=.*/, 'OSRELEASE=4.4.0'),
    exitCode: 1,
    says: /VMCOREINFO in the PT_NOTE: no page table in the dump maps swapper_pg_dir \(0x\w+\):/,
  },
  {
    name: 'VMCOREINFO: PAGESIZE=0',
    make: edited('PAGESIZE=4096', 'PAGESIZE=0'),
    exitCode: 0,
    says: /\d+ tasks, 4 idle tasks; the task list and the pid IDR agree/,
  },
  {
    name: 'VMCOREINFO: PAGESIZE=x',
    make: edited('PAGESIZE=4096', 'PAGESIZE=x'),
    exitCode: 0,
    says: /\d+ tasks, 4 idle tasks; the task list and the pid IDR agree/,
  },
  {
    name: 'VMCOREINFO: no swapper_pg_dir',
    make: edited(/SYMBOL\((swapper_pg_dir|init_top_pgt)\)=.*\n/g, ''),
    exitCode: 1,
    says: /VMCOREINFO in the PT_NOTE: VMCOREINFO: expected SYMBOL\(swapper_pg_dir\) above 0x\w+,/,
  },
  {
    name: 'VMCOREINFO: swapper_pg_dir no number',
    make: edited(/(swapper_pg_dir)\)=.*/, '$1)=zzzz'),
    exitCode: 0,
    says: /\d+ tasks, 4 idle tasks; the task list and the pid IDR agree/,
  },
  {
    name: 'VMCOREINFO: swapper_pg_dir elsewhere',
    make: edited(/(swapper_pg_dir)\)=.*/, '$1)=ffffffff9d600000'),
    exitCode: 1,
    says: /VMCOREINFO in the PT_NOTE: no page table in the dump maps swapper_pg_dir \(0x\w+\):/,
  },
  {
    name: 'VMCOREINFO: swapper_pg_dir 2^100',
    make: edited(/(swapper_pg_dir)\)=.*/, '$1)=10000000000000000000000000'),
    exitCode: 0,
    says: /\d+ tasks, 4 idle tasks; the task list and the pid IDR agree/,
  },
  {
    name: 'VMCOREINFO: phys_base 0',
    make: edited(/(phys_base)\)=.*/, '$1)=0'),
    exitCode: 0,
    says: /\d+ tasks, 4 idle tasks; the task list and the pid IDR agree/,
  },
  {
    name: 'VMCOREINFO: phys_base 10^30',
    make: edited(/(phys_base)\)=.*/, `$1)=1${'0'.repeat(30)}`),
    exitCode: 0,
    says: /\d+ tasks, 4 idle tasks; the task list and the pid IDR agree/,
  },
  {
    name: 'VMCOREINFO: sme_mask over the addresses',
    make: edited(/(sme_mask)\)=.*/, '$1)=274877902848'),
    exitCode: 1,
    says: /VMCOREINFO in the PT_NOTE: no page table in the dump maps swapper_pg_dir \(0x\w+\):/,
  },
  {
    name: 'VMCOREINFO: five levels where there are four',
    make: edited(/(pgtable_l5_enabled)\)=.*/, '$1)=1'),
    exitCode: 1,
    says: /VMCOREINFO in the PT_NOTE: no page table in the dump maps swapper_pg_dir \(0x\w+\):/,
  },
  {
    name: 'VMCOREINFO: KERNELOFFSET=zz',
    make: edited(/KERNELOFFSET=.*/, 'KERNELOFFSET=zz'),
    exitCode: 0,
    says: /\d+ tasks, 4 idle tasks; the task list and the pid IDR agree/,
  },
  {
    name: 'VMCOREINFO: kallsyms_names not mapped',
    make: edited(/(kallsyms_names)\)=.*/, '$1)=ffffffff00000000'),
    exitCode: 1,
    says: named(/virtual address 0x\w+: pud\[\d+\] = 0x0 not present/),
  },
  {
    name: 'VMCOREINFO: kallsyms_names at the top',
    make: edited(/(kallsyms_names)\)=.*/, '$1)=fffffffffffffff8'),
    exitCode: 1,
    says: named(/virtual address 0x\w+: pud\[\d+\] = 0x0 not present/),
  },
  {
    name: 'VMCOREINFO: kallsyms_offsets on the names',
    make: (s) =>
      s
        .editVmcoreinfo(
          /(kallsyms_offsets)\)=.*/,
          `$1)=${/kallsyms_names\)=(.*)/.exec(s.vmcoreinfo)?.[1]}`,
        )
        .elf(),
    exitCode: 1,
    says: named(/kallsyms addresses: init_uts_ns: expected 0x\w+, have 0x\w+ \(base-relativ/),
  },
  {
    name: 'VMCOREINFO: no kallsyms',
    make: edited(/SYMBOL\(kallsyms.*\n/g, ''),
    exitCode: 0,
    says: /the task list and the pid IDR agree/,
  },
];

/** What stands in the way of tables that VMCOREINFO names; a search finds them nevertheless. */
function named(doubt: RegExp): RegExp {
  return new RegExp(`kallsyms, as VMCOREINFO names its tables: ${doubt.source}`);
}
