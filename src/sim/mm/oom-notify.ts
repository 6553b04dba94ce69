// The chain of those who may have memory to give before the OOM killer kills (oom_notify_list of
// mm/oom_kill.c, kernel/notifier.c). They run in the context of whoever calls the OOM killer, under
// oom_lock, and may sleep.

import { call, type Code, type KernelFunction } from '../core/code.ts';
import type { Kernel } from '../core/kernel.ts';
import { RwSemaphore } from '../locking/rw-semaphore.ts';
import { down_read, down_read_trylock, up_read } from '../locking/rwsem.ts';

/** A notifier: frees what it can spare and says how many pages that was. */
export type OomNotifier = KernelFunction<[], number>;

/** struct blocking_notifier_head. */
export class OomNotifyList {
  readonly rwsem = new RwSemaphore('oom_notify_list');
  readonly notifiers: OomNotifier[] = [];
}

/** Asks all of them. @returns the pages that were freed */
export function* blocking_notifier_call_chain(k: Kernel): Code<number> {
  const { rwsem } = k.oomNotifiers;
  if (!down_read_trylock(k, rwsem)) yield* call(k, down_read, rwsem);
  const freed = yield* call(k, notifier_call_chain);
  up_read(k, rwsem);
  return freed;
}

function* notifier_call_chain(k: Kernel): Code<number> {
  let freed = 0;
  for (const notifier of k.oomNotifiers.notifiers) freed += yield* call(k, notifier);
  return freed;
}
