// What kinds of stall are called: by whoever reads a dump, and by the simulated kernel that knows.

/** Classes of stalls; src/sim/README.md says what each is. */
export type Diagnosis =
  | 'D1'
  | 'D2'
  | 'D3'
  | 'D4'
  | 'D5'
  | 'D6'
  | 'D7'
  | 'D8'
  | 'D9'
  | 'D10'
  | 'D11'
  | 'D12'
  | 'D13'
  | 'D14';
