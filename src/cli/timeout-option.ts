// --timeout, of the verbs that say which requests stall.

import type { Argv } from 'yargs';
import { UsageError } from './usage.ts';

/** What {@link withTimeout} adds. */
export interface TimeoutArguments {
  timeout: number | undefined;
}

/** Adds the option. */
export function withTimeout<T>(cli: Argv<T>): Argv<T & TimeoutArguments> {
  return cli
    .option('timeout', {
      type: 'number',
      describe: "seconds after which a request stalls, instead of the dump's own",
    })
    .check(({ timeout }) => {
      if (timeout === undefined || (timeout > 0 && Number.isFinite(timeout))) return true;
      throw new UsageError('--timeout: expected a number of seconds above 0');
    });
}

/** As the library takes it. */
export function timeoutOf({ timeout }: TimeoutArguments): { timeoutSeconds?: number } {
  return timeout === undefined ? {} : { timeoutSeconds: timeout };
}
