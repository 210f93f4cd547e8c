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

describe("an id comes back as it was written", () => {
  const deep = `${"[".repeat(200_000)}${"]".repeat(200_000)}`;
  test.each([
    ["a 64-bit integer", "12345678901234567890"],
    ["an integer just beyond a double", "9007199254740993"],
    ["a long decimal", "0.1234567890123456789"],
    ["a number beyond a double", "-1e999"],
    ["such a number in an object", '{"a":[1,{"b": 12345678901234567890}],"c":"}\\"]"}'],
    ["an array", "[ 1 , 2.50 ]"],
    ["nesting without end", deep],
    ["a string", '"\u2028\\u0000\\"id\\":"'],
    ["a plain number", "-7"],
    ["null", "null"],
  ])("%s", async (_, id) => {
    const echo: Evaluate = (value) => ({ id: (value as { id: unknown }).id, ok: true });
    const refuse: Evaluate = () => {
      throw new FieldError("out-of-range", "qty", "qty must not be 0");
    };
    const line = `{"a":{"id":1},"b":["id",{"id":2}],"c\\"id":3, "id" : ${id} ,"z":"id"}\n`;
    expect((await run([line], echo)).text).toBe(`{"id":${id},"ok":true}\n`);
    expect((await run([line], refuse)).text.startsWith(`{"id":${id},"error":{"code":"out-of-range"`)).toBe(true);
  });

  test("of two the last one, as for every other field", async () => {
    const echo: Evaluate = (value) => ({ id: (value as { id: unknown }).id });
    expect((await run(['{"id":1.50,"\\u0069d":2.50}\n'], echo)).text).toBe('{"id":2.50}\n');
  });
});

describe("NaN and infinities, which are no JSON", () => {
  const finite: Evaluate = (value) => {
    const { qty, name } = value as { qty: number; name?: unknown };
    if (name !== undefined && typeof name !== "string") throw new FieldError("wrong-type", "name", "name must be a string");
    if (!Number.isFinite(qty)) throw new FieldError("not-finite", "qty", `qty must be finite, got ${qty}`);
    return { qty };
  };
  test.each([
    ['{"qty":NaN}', "not-finite", "qty"],
    ['{"qty": Infinity}', "not-finite", "qty"],
    ['{"id":4,"qty":-Infinity,"name":"NaN, \\"-Infinity\\", x"}', "not-finite", "qty"],
    ['{"qty":1,"name":NaN}', "wrong-type", "name"],
    ['{"qty":1,"id":NaN}', "not-json", ""],
    ['{"qty":NaN,"id":{"a":NaN}}', "not-finite", "qty"],
    ['{"qty":NaN,}', "not-json", ""],
    ['{"qty":NaNs}', "not-json", ""],
    ['{"qty":nan}', "not-json", ""],
    ['{"qty":1,"name":"NaN}', "not-json", ""],
    ["NaN", "not-json", ""],
  ])("%s is refused as %s with the field %j", async (line, expected, field) => {
    const { answers, failed } = await run([`${line}\n{"qty":2}\n`], finite);
    expect(answers[0].error).toMatchObject({ code: expected, field });
    expect(answers[0].id).toBe(line.includes('"id":4') ? 4 : undefined);
    expect(answers[1]).toEqual({ qty: 2 });
    expect(failed).toBe(1);
  });
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

test("a 64-bit id goes back with the error of a NaN too", () => {
  const refuse: Evaluate = () => {
    throw new FieldError("not-finite", "qty", "qty must be finite");
  };
  const { text } = answerLine('{"id":12345678901234567890,"qty":NaN}', refuse);
  expect(text).toBe('{"id":12345678901234567890,"error":{"code":"not-finite","field":"qty","message":"qty must be finite"}}');
});

test("a single line can be answered without streams", () => {
  expect(answerLine("4", double)).toEqual({ text: '{"twice":8}', failed: false });
  expect(answerLine("nope", double).failed).toBe(true);
});
