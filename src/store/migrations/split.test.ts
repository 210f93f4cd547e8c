import { describe, expect, it } from "vitest";
import { splitStatements } from "./split";

// A rule a line: SQL, its statements.
const CASES: [string, string, string[]][] = [
  ["an empty text has none", "", []],
  ["white space and comments are none", " \n-- one; two\n/* three; /* four; */ */ ;", []],
  ["statements end with a semicolon or the text", "select 1; select 2", ["select 1", "select 2"]],
  ["a semicolon in quotes is part of it", "select ';', 'it''s; so'; select 2", ["select ';', 'it''s; so'", "select 2"]],
  ["and in a quoted name", 'select 1 as "a;b"; select 2', ['select 1 as "a;b"', "select 2"]],
  ["and in dollar quotes", "do $$ begin; end $$; select 2", ["do $$ begin; end $$", "select 2"]],
  ["whose tags must match", "do $a$ $$; $b$; $a$; select 2", ["do $a$ $$; $b$; $a$", "select 2"]],
  ["a parameter is no dollar quote", "select $1; select $2", ["select $1", "select $2"]],
  ["nor is a dollar in a name", "select a$b$; select c$b$", ["select a$b$", "select c$b$"]],
  [
    "a backslash is an escape in E'' only",
    "select '\\'; select E'\\';'; select 3",
    ["select '\\'", "select E'\\';'", "select 3"],
  ],
  ["comments stay with their statement", "select 1 -- a;\n + 1;", ["select 1 -- a;\n + 1"]],
  ["a quote in a comment opens nothing", "select 1; -- it's\nselect 2", ["select 1", "-- it's\nselect 2"]],
];

describe("splitting SQL into statements", () => {
  it.each(CASES)("%s", (_, sql, statements) => {
    expect(splitStatements(sql)).toEqual(statements);
  });
});
