// The line machinery under `plimsoll option` and `plimsoll eval`.

import { once } from "node:events";
import { PassThrough, Readable, Writable } from "node:stream";
import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { FieldError } from "../risk/validate";
import { answerLine, type Evaluate, runJsonLines } from "./jsonl";

const double: Evaluate = (value) => {
  if (typeof value !== "number") throw new FieldError("wrong-type", "", "the line must be a number");
  return { twice: value * 2 };
};

class Collector extends Writable {
  text = "";
  override _write(chunk: Buffer, _encoding: string, done: (error?: Error) => void): void {
    this.text += chunk.toString("utf8");
    done();
  }
}

async function run(pieces: (string | Buffer)[], evaluate: Evaluate = double, maxLineBytes?: number) {
  const output = new Collector();
  const input = Readable.from(pieces.map((piece) => Buffer.from(piece as string)));
  const result = await runJsonLines(input, output, evaluate, maxLineBytes);
  const lines = output.text === "" ? [] : output.text.trimEnd().split("\n");
  return { ...result, text: output.text, answers: lines.map((line) => JSON.parse(line)) };
}

const code = (answer: { error?: { code: string } }) => answer.error?.code;

test("one line in is one line out, in order", async () => {
  const { answers, lines, failed } = await run(["1\n2\n", "3\n"]);
  expect(answers).toEqual([{ twice: 2 }, { twice: 4 }, { twice: 6 }]);
  expect([lines, failed]).toEqual([3, 0]);
});

test("a line that fails answers an error in its place, and the next goes on", async () => {
  const { answers, lines, failed } = await run(['1\n"x"\n{oops\n2\n']);
  expect(answers[0]).toEqual({ twice: 2 });
  expect(answers[1]).toEqual({ error: { code: "wrong-type", field: "", message: "the line must be a number" } });
  expect(code(answers[2])).toBe("not-json");
  expect(answers[3]).toEqual({ twice: 4 });
  expect([lines, failed]).toEqual([4, 2]);
});

test("blank lines, carriage returns, a byte order mark and a missing last newline do no harm", async () => {
  expect((await run(["\ufeff1\r\n\r\n  \n\t\n2"])).answers).toEqual([{ twice: 2 }, { twice: 4 }]);
  expect((await run([])).text).toBe("");
  expect((await run(["\n\n"])).text).toBe("");
});

test("the id of a line goes back with its error", async () => {
  const refuse: Evaluate = () => {
    throw new FieldError("out-of-range", "qty", "qty must not be 0");
  };
  const { answers } = await run(['{"id":{"a":[1]}}\n{"id":null}\n{}\n[{"id":1}]\n'], refuse);
  expect(answers.map((answer) => answer.id)).toEqual([{ a: [1] }, null, undefined, undefined]);
});

test("a defect of the evaluation is an error of its line, not the end of the others", async () => {
  const broken: Evaluate = (value) => {
    if (value === 1) throw new TypeError("undefined is not a function");
    return { ok: true };
  };
  const { answers } = await run(["1\n2\n"], broken);
  expect(answers).toEqual([{ error: { code: "internal", field: "", message: "undefined is not a function" } }, { ok: true }]);
});

test("an id too deep to be written does not end the stream", async () => {
  const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
  const echo: Evaluate = (value) => value as object;
  const { answers } = await run([`{"id":${deep}}\n{"ok":1}\n`], echo);
  expect(code(answers[0])).toBe("internal");
  expect(answers[1]).toEqual({ ok: 1 });
});

describe("bytes", () => {
  test("however the input is cut into chunks, inside a character too, the answers are the same", async () => {
    const text = '1\n"ä€😀"\n\n2\n{"id":"ü","x":1}\n3';
    const whole = (await run([text])).text;
    const bytes = Buffer.from(text);
    await fc.assert(
      fc.asyncProperty(fc.array(fc.integer({ min: 0, max: bytes.length }), { maxLength: 6 }), async (cuts) => {
        const edges = [0, ...cuts.sort((a, b) => a - b), bytes.length];
        const pieces = edges.slice(1).map((end, i) => bytes.subarray(edges[i], end));
        expect((await run(pieces)).text).toBe(whole);
      }),
    );
  });

  test("a line that is not UTF-8 is refused, its neighbours are not", async () => {
    const { answers } = await run([
      Buffer.concat([Buffer.from("1\n"), Buffer.from([0x22, 0xff, 0x22, 0x0a]), Buffer.from("2\n")]),
    ]);
    expect([answers[0], code(answers[1]), answers[2]]).toEqual([{ twice: 2 }, "not-utf8", { twice: 4 }]);
  });

  test("a line that is too long is refused once, whether it comes whole or in pieces, and memory is not filled with it", async () => {
    const long = "7".repeat(50);
    for (const pieces of [
      [`1\n${long}\n2\n`],
      ["1\n", long.slice(0, 30), long.slice(30), "\n2\n"],
      [`1\n${long.slice(0, 20)}`, `${long}\n2\n`],
    ]) {
      const { answers } = await run(pieces, double, 20);
      expect(answers.map((answer) => code(answer) ?? answer.twice)).toEqual([2, "line-too-long", 4]);
    }
    expect((await run([`1\n${long}`], double, 20)).failed).toBe(1);
    expect((await run(["7".repeat(20)], double, 20)).failed).toBe(0);
  });
});

describe("the reader", () => {
  test("a slow reader holds the work back: at most a piece waits in memory", async () => {
    let unread = 0;
    let most = 0;
    const slow = new Writable({
      highWaterMark: 1024,
      write(_chunk, _encoding, done) {
        unread = slow.writableLength;
        most = Math.max(most, unread);
        setImmediate(done);
      },
    });
    const line = `${JSON.stringify("x".repeat(1000))}\n`;
    const pieces = Array.from({ length: 2000 }, () => Buffer.from(line));
    const { lines } = await runJsonLines(Readable.from(pieces), slow, (value) => ({ value }));
    expect(lines).toBe(2000);
    expect(most).toBeLessThan(300_000);
  });

  test("a line that has come is answered before the next is awaited", async () => {
    const input = new PassThrough();
    const output = new PassThrough();
    const running = runJsonLines(input, output, double);
    input.write("21\n");
    const [first] = (await once(output, "data")) as [Buffer];
    expect(first.toString()).toBe('{"twice":42}\n');
    input.end();
    expect((await running).lines).toBe(1);
  });

  test("a reader who goes away ends the work quietly", async () => {
    let written = 0;
    const gone = new Writable({
      write(_chunk, _encoding, done) {
        written += 1;
        done(written > 1 ? Object.assign(new Error("write EPIPE"), { code: "EPIPE" }) : null);
      },
    });
    const endless = new Readable({
      read() {
        this.push("1\n".repeat(1000));
      },
    });
    const result = await runJsonLines(endless, gone, double);
    expect(result.brokenPipe).toBe(true);
    expect(endless.destroyed).toBe(true);
  });

  test("a reader who goes away while the input is silent ends the work too", async () => {
    const silent = new PassThrough();
    const output = new PassThrough();
    const running = runJsonLines(silent, output, double);
    silent.write("1\n");
    setTimeout(() => output.destroy(Object.assign(new Error("write EPIPE"), { code: "EPIPE" })), 10);
    expect((await running).brokenPipe).toBe(true);
  });

  test("an output that fails for another reason makes the work fail", async () => {
    const full = new Writable({
      write(_chunk, _encoding, done) {
        done(Object.assign(new Error("no space left on device"), { code: "ENOSPC" }));
      },
    });
    await expect(runJsonLines(Readable.from([Buffer.from("1\n2\n")]), full, double)).rejects.toThrow("no space left");
  });

  test("an input that fails makes the work fail", async () => {
    const input = new Readable({
      read() {
        this.destroy(new Error("read failed"));
      },
    });
    await expect(runJsonLines(input, new Collector(), double)).rejects.toThrow("read failed");
  });
});

test("a single line can be answered without streams", () => {
  expect(answerLine("4", double)).toEqual({ text: '{"twice":8}', failed: false });
  expect(answerLine("nope", double).failed).toBe(true);
});
