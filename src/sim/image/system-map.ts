// System.map of an image: what nm(1) prints of its vmlinux, addresses as linked, before KASLR.

import type { MachineImage } from './machine.ts';

const ADDRESS_DIGITS = 16;

/** The text; per-CPU symbols count from 0 and do not move with the image. */
export function systemMapText({ symbols, facts }: MachineImage): string {
  const { kernelOffset } = facts.kaslr;
  const lines = symbols.map(({ name, address, type }) => {
    const linked = type.toUpperCase() === 'A' ? address : address - kernelOffset;
    return `${linked.toString(16).padStart(ADDRESS_DIGITS, '0')} ${type} ${name}\n`;
  });
  return lines.join('');
}
