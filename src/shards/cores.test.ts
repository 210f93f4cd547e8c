import { expect, it } from "vitest";
import { checkCores, coresOfThread, ownThreadId, parseCoreList } from "./cores";

it("reads lists of cores as the kernel writes them", () => {
  expect(parseCoreList("0-3,8\n")).toEqual([0, 1, 2, 3, 8]);
  expect(parseCoreList("5")).toEqual([5]);
  expect(parseCoreList("")).toEqual([]);
});

it.runIf(process.platform === "linux")("refuses a core that this process may not run on", () => {
  const allowed = coresOfThread(ownThreadId());
  expect(checkCores([String(allowed[0])])).toEqual([allowed[0]]);
  expect(() => checkCores(["4095"])).toThrow(/engine\.cores: this process may run on cores .*, not on 4095/);
});
