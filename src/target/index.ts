// The way into target/ for the layers above.

export { openVmcore, type OpenOptions } from './open.ts';
export { Vmcore } from './vmcore.ts';
