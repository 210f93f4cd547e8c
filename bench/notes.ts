// Remarks on rows, printed below the table of their line: what limits them, and, where a goal is missed, what the profile
// says stands in the way and what was tried. By row, or by line for what holds for all of it.

export const NOTES: Readonly<Record<string, readonly string[]>> = {};
