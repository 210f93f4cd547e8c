// What the last value check of this thread refused, and why. The checks answer with an index or a code; who wants to know more
// asks here at once. Written only when something is wrong, so the words cost nothing on the hot path.
import { readBigInt64 } from "../../shared/wire/int64";
import { VerifyCode } from "./codes";

class Fault {
  code: VerifyCode = VerifyCode.Ok;
  /** Vector of the batch, such as "events". */
  vector = "";
  index = -1;
  field = "";
  value = "";
  /** What the field must be. */
  rule = "";

  /** One sentence that names event, field, value and rule. */
  get reason(): string {
    return `${this.vector}[${this.index}].${this.field} is ${this.value}; it must be ${this.rule}`;
  }
}

const fault = new Fault();

export const lastFault: Readonly<Fault> = fault;

export function lastCode(): VerifyCode {
  return fault.code;
}

export function lastReason(): string {
  return fault.reason;
}

/** Keeps what is wrong and gives the code back, so that a check can end with it. */
export function refuse(code: VerifyCode, field: string, value: number | bigint | string, rule: string): VerifyCode {
  fault.code = code;
  fault.field = field;
  fault.value = typeof value === "string" ? JSON.stringify(value) : String(value);
  fault.rule = rule;
  return code;
}

/** As refuse, for a field of 64 bits. */
export function refuse64(code: VerifyCode, field: string, i32: Int32Array, word: number, rule: string): VerifyCode {
  return refuse(code, field, readBigInt64(i32, word), rule);
}

/** Adds which event it was. @returns the index */
export function faultAt(vector: string, index: number): number {
  fault.vector = vector;
  fault.index = index;
  return index;
}
