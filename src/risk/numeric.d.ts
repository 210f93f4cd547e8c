// The number types of AssemblyScript, for tsc only: the formulas in src/risk/ are compiled twice, by tsc (where these
// are plain numbers) and by asc (where they are WebAssembly types and this file is not read). An i32 variable must hold
// only what a 32-bit integer can; nothing in JavaScript enforces it.

declare type f64 = number;
declare type i32 = number;
