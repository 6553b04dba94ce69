// The kernel's log, whichever way this kernel keeps it; its variables tell which.

import type { Vmcore } from '../target/vmcore.ts';
import { LookupError } from '../util/errors.ts';
import { PrintkLayout } from './printk-layout.ts';
import type { KernelLog } from './printk-record.ts';
import { readPrintkRecords } from './printk-records.ts';
import { readPrintkRing } from './printk-ring.ts';
import { readPrintkText } from './printk-text.ts';

/**
 * Reads the log. Types are not needed where VMCOREINFO has the offsets.
 *
 * @throws VmcoreError if there is no log, or its own variables cannot be read
 */
export function readKernelLog(vmcore: Vmcore): KernelLog {
  const layout = new PrintkLayout(vmcore);
  const prb = layout.symbol('prb');
  if (prb !== undefined) return readPrintkRing(vmcore, layout, prb);
  if (layout.symbol('log_first_idx') !== undefined) return readPrintkRecords(vmcore, layout);
  if (layout.symbol('log_end') !== undefined) return readPrintkText(vmcore, layout);
  throw new LookupError('symbol', 'prb, log_first_idx or log_end', NO_LOG);
}

const NO_LOG = 'none of them is known, so the log cannot be found';
