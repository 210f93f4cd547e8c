// The page: header, warning, and below them what the address says.
import { useEffect } from "preact/hooks";
import type { Desk } from "../state/desk";
import { OVERVIEW_HREF } from "../state/route";
import { AccountView } from "./account";
import { AlertsPanel, SpokenAlerts } from "./alerts";
import { EnginePanel } from "./engine";
import { Banner, Header } from "./header";
import { DeskContext, useDesk } from "./hooks";
import { MarksPanel } from "./marks";
import { SignIn } from "./sign-in";
import { TopPanel } from "./top";

function Overview() {
  return (
    <>
      <h1 class="visually-hidden">Overview</h1>
      <EnginePanel />
      <div class="overview-grid">
        <TopPanel />
        <AlertsPanel />
      </div>
      <MarksPanel />
    </>
  );
}

function Nowhere() {
  return (
    <section class="panel sign-in" aria-labelledby="nowhere-title">
      <h1 id="nowhere-title">Nothing is at this address</h1>
      <p>An account's page is at #/account/ followed by its id, a whole number from 1 to 9007199254740991.</p>
      <p>
        <a href={OVERVIEW_HREF}>Go to the overview</a>
      </p>
    </section>
  );
}

function Content() {
  const desk = useDesk("route", "connection");
  if (desk.stream.connection.phase === "refused") return <SignIn />;
  switch (desk.route.view) {
    case "account":
      return desk.account === null ? null : <AccountView key={desk.account.id} account={desk.account} />;
    case "unknown":
      return <Nowhere />;
    case "overview":
      return <Overview />;
  }
}

/** The tab's title says what someone in another tab must know. */
function Title() {
  const desk = useDesk("route", "connection", "clock");
  const what = desk.route.view === "account" ? `${desk.route.accountId} · Plimsoll` : "Plimsoll";
  const { phase } = desk.stream.connection;
  const broken = phase === "waiting" || (phase === "live" && desk.platform !== null && !desk.streamTrust().fresh);
  const title = broken ? `⚠ stale · ${what}` : what;
  useEffect(() => {
    document.title = title;
  }, [title]);
  return null;
}

export function App({ desk }: { desk: Desk }) {
  return (
    <DeskContext.Provider value={desk}>
      <button type="button" class="skip" onClick={skip}>
        Skip to the numbers
      </button>
      <Title />
      <div class="masthead">
        <Header />
        <Banner />
      </div>
      <SpokenAlerts />
      <main id="content" tabIndex={-1}>
        <Content />
      </main>
    </DeskContext.Provider>
  );
}

/** A link would change the address, which is the route: this moves the focus alone. */
function skip(): void {
  document.getElementById("content")?.focus();
}
