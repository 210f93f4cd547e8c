// Peers written in Java: compiled when they are wanted, run as a process that answers a line for a line. Where Java is not
// installed the row says so and is left out.
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, mkdirSync, readdirSync, readFileSync, renameSync, rmSync } from "node:fs";
import { delimiter, join } from "node:path";
import { createInterface } from "node:readline";
import { cleanUp } from "./cleanup";
import { CACHE, ROOT } from "./paths";

const SOURCES = join(ROOT, "bench", "java");
const DISRUPTOR = "disruptor-3.4.4";
const JAVA_MIN = 17;
const ANSWER_DEADLINE_MS = 120_000;

/** Why peers in Java cannot be run here, or null. */
export function javaMissing(): string | null {
  let version: string;
  try {
    version = execFileSync("javac", ["--version"], { encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] });
    execFileSync("java", ["--version"], { stdio: "ignore" });
  } catch {
    return `no JDK here: java and javac, ${JAVA_MIN} or newer, must be on the PATH`;
  }
  const major = Number(/\d+/.exec(version)?.[0]);
  return major >= JAVA_MIN ? null : `the JDK here is ${major}; the peers need ${JAVA_MIN}`;
}

/** The Disruptor's jar, fetched with Maven on the first call. Throws what Maven said. */
function disruptorJar(): string {
  const folder = join(CACHE, DISRUPTOR);
  const jar = join(folder, `${DISRUPTOR}.jar`);
  if (existsSync(jar)) return jar;
  // Into a folder of its own, renamed when whole: a download that was cut off is never taken for the jar.
  const partial = `${folder}.partial-${process.pid}`;
  mkdirSync(partial, { recursive: true });
  try {
    const args = ["-B", "-q", "-f", join(SOURCES, "pom.xml"), "dependency:copy-dependencies", `-DoutputDirectory=${partial}`];
    execFileSync("mvn", args, { stdio: ["ignore", "pipe", "pipe"], encoding: "utf8" });
    if (!existsSync(join(partial, `${DISRUPTOR}.jar`))) throw new Error(`mvn brought no ${DISRUPTOR}.jar`);
    rmSync(folder, { recursive: true, force: true });
    renameSync(partial, folder);
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
  return jar;
}

/** Why the Disruptor cannot be run here, or null; fetches its jar. */
export function disruptorMissing(): string | null {
  const missing = javaMissing();
  if (missing !== null) return missing;
  try {
    disruptorJar();
    return null;
  } catch (error) {
    const said = (error as { stderr?: string }).stderr?.split("\n").find((line) => line.includes("ERROR"));
    return `the Disruptor's jar could not be fetched with mvn: ${said ?? (error as Error).message.split("\n")[0]}`;
  }
}

/** Folder of the compiled peers, one for every state of their sources. */
function classes(withDisruptor: boolean): string[] {
  const files = readdirSync(SOURCES).filter((file) => file.endsWith(".java"));
  const wanted = withDisruptor ? files : files.filter((file) => file !== "DisruptorPeer.java");
  const hash = createHash("sha256");
  for (const file of wanted) hash.update(readFileSync(join(SOURCES, file)));
  const folder = join(CACHE, `classes-${hash.digest("hex").slice(0, 16)}`);
  const path = withDisruptor ? [folder, disruptorJar()] : [folder];
  if (!existsSync(folder)) {
    const partial = `${folder}.partial-${process.pid}`;
    const args = ["-d", partial, ...(withDisruptor ? ["-cp", disruptorJar()] : [])];
    execFileSync("javac", [...args, ...wanted.map((file) => join(SOURCES, file))], { stdio: ["ignore", "pipe", "pipe"] });
    renameSync(partial, folder);
  }
  return path;
}

/** A peer that is running. Ask, wait for the answer, ask again. */
export class JavaPeer {
  private waiting: ((line: string) => void) | null = null;
  private failed: ((error: Error) => void) | null = null;
  private said = "";

  private constructor(private readonly child: ChildProcess) {
    createInterface({ input: child.stdout! }).on("line", (line) => this.waiting?.(line));
    child.stderr!.setEncoding("utf8").on("data", (text: string) => (this.said += text));
    child.once("close", (code) => this.failed?.(new Error(`the Java peer ended (${code}):\n${this.said.slice(0, 2000)}`)));
  }

  /** @param main class in bench/java, @param flags of the virtual machine */
  static async start(main: string, options: { flags?: readonly string[]; withDisruptor?: boolean } = {}): Promise<JavaPeer> {
    const path = classes(options.withDisruptor ?? false).join(delimiter);
    const args = ["-Xms512m", "-Xmx2g", "-XX:-UsePerfData", ...(options.flags ?? []), "-cp", path, main];
    const peer = new JavaPeer(spawn("java", args, { stdio: ["pipe", "pipe", "pipe"] }));
    cleanUp(() => void peer.child.kill("SIGKILL"));
    const hello = await peer.answer();
    if (hello !== "ready") throw new Error(`the Java peer said "${hello}"`);
    return peer;
  }

  private answer(): Promise<string> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => settle(() => reject(new Error("no answer from the Java peer"))), ANSWER_DEADLINE_MS);
      const settle = (then: () => void) => {
        clearTimeout(timer);
        this.waiting = this.failed = null;
        then();
      };
      this.waiting = (line) => settle(() => resolve(line));
      this.failed = (error) => settle(() => reject(error));
    });
  }

  /** One line there, one line back, without its leading "ok". */
  async ask(line: string): Promise<string[]> {
    const answer = this.answer();
    this.child.stdin!.write(`${line}\n`);
    const [status, ...words] = (await answer).split(" ");
    if (status !== "ok") throw new Error(`the Java peer said "${status} ${words.join(" ")}"`);
    return words;
  }

  async stop(): Promise<void> {
    this.child.stdin!.end();
    if (this.child.exitCode === null) await new Promise((resolve) => this.child.once("close", resolve));
  }
}
