// Splits SQL into statements: a migration outside a transaction is sent statement by statement, because PostgreSQL runs
// several in one message as one transaction. Knows what may hold a semicolon: quotes, dollar quotes, comments.

/** Statements in order, without the semicolons, without those that are only comments or white space. */
export function splitStatements(sql: string): string[] {
  const statements: string[] = [];
  let begin = 0;
  let holdsSomething = false;
  let at = 0;
  const finish = (end: number) => {
    if (holdsSomething) statements.push(sql.slice(begin, end).trim());
    begin = end + 1;
    holdsSomething = false;
  };
  while (at < sql.length) {
    const char = sql[at]!;
    const next = sql[at + 1];
    if (char === "-" && next === "-") at = after(sql, "\n", at + 2);
    else if (char === "/" && next === "*") at = afterComment(sql, at);
    else if (char === "'" || char === '"') {
      holdsSomething = true;
      at = afterQuoted(sql, at, char === "'" && isEscapeString(sql, at));
    } else if (char === "$" && !isIdentifierPart(sql[at - 1])) {
      holdsSomething = true;
      const tag = /^\$([A-Za-z_\u0080-\uffff][\w\u0080-\uffff]*)?\$/.exec(sql.slice(at, at + 130))?.[0];
      at = tag === undefined ? at + 1 : after(sql, tag, at + tag.length);
    } else if (char === ";") {
      finish(at);
      at++;
    } else {
      if (!/\s/.test(char)) holdsSomething = true;
      at++;
    }
  }
  finish(sql.length);
  return statements;
}

function after(sql: string, text: string, from: number): number {
  const found = sql.indexOf(text, from);
  return found < 0 ? sql.length : found + text.length;
}

// Comments of this kind nest.
function afterComment(sql: string, from: number): number {
  let depth = 0;
  let at = from;
  while (at < sql.length) {
    if (sql.startsWith("/*", at)) {
      depth++;
      at += 2;
    } else if (sql.startsWith("*/", at)) {
      depth--;
      at += 2;
      if (depth === 0) return at;
    } else at++;
  }
  return at;
}

// A doubled quote is one character of the text; it begins the next quoted piece here, which comes to the same.
function afterQuoted(sql: string, from: number, backslashes: boolean): number {
  const quote = sql[from];
  let at = from + 1;
  while (at < sql.length) {
    if (backslashes && sql[at] === "\\") at += 2;
    else if (sql[at] === quote) return at + 1;
    else at++;
  }
  return at;
}

function isEscapeString(sql: string, quoteAt: number): boolean {
  const before = sql[quoteAt - 1];
  return (before === "E" || before === "e") && !isIdentifierPart(sql[quoteAt - 2]);
}

function isIdentifierPart(char: string | undefined): boolean {
  return char !== undefined && /[\w$\u0080-\uffff]/.test(char);
}
