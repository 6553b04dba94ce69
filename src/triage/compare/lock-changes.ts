// Locks in two dumps: which changed hands, and which the same task has had all the time while the
// same ones wait for it. A dump knows of locks that somebody waits for, and of no others.

import type { KernelLock, LocksResult } from '../../kernel/locking/lock.ts';
import { optional } from '../../util/optional.ts';

/** What became of a lock. */
export type LockFate =
  /** The same task has it. */
  | 'held on'
  /** Another task has it. */
  | 'handed on'
  /** Nobody waits for it any more: whether somebody has it is not known. */
  | 'not waited for'
  /** Nobody waited for it in the first dump. */
  | 'waited for now'
  /** It is waited for in both, and who has it is not known, or not in both. */
  | 'owner not known';

/** One lock. */
export interface LockChange {
  readonly kind: KernelLock['kind'];
  readonly address: string;
  readonly name?: string;
  readonly bit?: KernelLock['bit'];
  readonly fate: LockFate;
  /** Pids, as far as the kernel keeps who has it. */
  readonly ownerBefore?: number;
  readonly ownerNow?: number;
  /** What says so in both dumps may be out of date: the last reader, or holder. */
  readonly isUncertain?: true;
  /** Pids that wait for it in both dumps, and that came and went between. */
  readonly stillWaiting: readonly number[];
  readonly joined: readonly number[];
  readonly left: readonly number[];
}

/** Tells whether a pid is the same task in both dumps. */
export type IsSameTask = (pid: number) => boolean;

/** The locks of both, those first that most have waited for all the time. */
export function lockChanges(
  before: LocksResult,
  now: LocksResult,
  isSameTask: IsSameTask,
): LockChange[] {
  const old = new Map(before.locks.map((lock) => [keyOf(lock), lock]));
  const changes = now.locks.map((lock) => {
    const was = old.get(keyOf(lock));
    old.delete(keyOf(lock));
    return changeOf(was, lock, isSameTask);
  });
  const ended = [...old.values()].map((lock) => changeOf(lock, undefined, isSameTask));
  return [...changes, ...ended].sort(
    (a, b) => b.stillWaiting.length - a.stillWaiting.length || b.joined.length - a.joined.length,
  );
}

function keyOf({ kind, address, bit }: KernelLock): string {
  return `${kind} ${address} ${bit?.number ?? ''}`;
}

function changeOf(
  was: KernelLock | undefined,
  is: KernelLock | undefined,
  isSameTask: IsSameTask,
): LockChange {
  const { kind, address, name, bit } = (is ?? was) as KernelLock;
  const [a, b] = [was?.owner, is?.owner];
  const waited = was?.waiters ?? [];
  const waiting = is?.waiters ?? [];
  const stays = (pid: number): boolean => waited.includes(pid) && isSameTask(pid);
  const isUncertain = [a, b].some((owner) => owner?.certain === false);
  return {
    kind,
    address,
    ...optional('name', name),
    ...optional('bit', bit),
    fate: fateOf(was, is, isSameTask),
    ...optional('ownerBefore', a?.pid),
    ...optional('ownerNow', b?.pid),
    ...(isUncertain ? { isUncertain } : {}),
    stillWaiting: waiting.filter(stays),
    joined: waiting.filter((pid) => !stays(pid)),
    left: waited.filter((pid) => !waiting.includes(pid) || !isSameTask(pid)),
  };
}

function fateOf(
  was: KernelLock | undefined,
  is: KernelLock | undefined,
  isSameTask: IsSameTask,
): LockFate {
  if (is === undefined) return 'not waited for';
  if (was === undefined) return 'waited for now';
  const [a, b] = [was.owner?.pid, is.owner?.pid];
  if (a === undefined || b === undefined) return 'owner not known';
  return a === b && isSameTask(a) ? 'held on' : 'handed on';
}
