import "./styles.css";
import { render } from "preact";
import { useEffect, useState } from "preact/hooks";
import { followAlerts } from "./alerts";
import { api, session } from "./api";
import { startFeed, stopFeed, watchVisibility } from "./feed";
import { stopListening } from "./listen";
import { applyTheme, nextTheme } from "./prefs";
import { location, navigate, startRouter } from "./router";
import { setZone, startClock, zone } from "./time";
import { bindKeys, focusSearch, helpOpen, startKeys, walkRows } from "./ui/keys";
import { NAV, Shell } from "./ui/shell";
import { Empty, Failed, Loading } from "./ui/states";
import { Agents } from "./views/agents";
import { Alerts } from "./views/alerts";
import { CallView } from "./views/call";
import { Calls } from "./views/calls";
import { Harvesters } from "./views/harvesters";
import { Live } from "./views/live";
import { Login } from "./views/login";
import { Recordings } from "./views/recordings";
import { Rules } from "./views/rules";
import { Statistics } from "./views/statistics";
import { mesh } from "./mesh";

function View() {
  const { path } = location.value;
  const call = /^\/calls\/([0-9a-f-]{36})$/.exec(path);
  if (call) return <CallView key={call[1]} id={call[1]!} />;
  switch (path) {
    case "/":
    case "/live":
      return <Live />;
    case "/calls":
      return <Calls />;
    case "/recordings":
      return <Recordings />;
    case "/rules":
      return <Rules />;
    case "/agents":
      return <Agents />;
    case "/alerts":
      return <Alerts />;
    case "/statistics":
      return <Statistics />;
    case "/harvesters":
      return <Harvesters />;
    default:
      return <Empty title="There is no such page"><a href="/live">Go to the live calls</a></Empty>;
  }
}

function Title() {
  const { path } = location.value;
  const word = NAV.find(([href]) => path.startsWith(href))?.[1] ?? "Live";
  useEffect(() => {
    document.title = `${word} · callmesh`;
  }, [word]);
  return null;
}

function App() {
  const [error, setError] = useState<Error | null>(null);
  const ask = () => {
    setError(null);
    api.whoAmI().catch(setError);
  };
  useEffect(ask, []);
  const who = session.value;
  useEffect(() => (who ? followAlerts() : undefined), [who === null || who === undefined]);
  useEffect(() => {
    if (who) startFeed();
    else {
      stopFeed();
      stopListening();
      mesh.clear();
    }
  }, [who === null || who === undefined]);
  if (error) return <main><Failed error={error} retry={ask} /></main>;
  if (who === undefined) return <main><Loading what="callmesh" /></main>;
  if (who === null) return <Login />;
  return (
    <Shell>
      <Title />
      <View />
    </Shell>
  );
}

applyTheme();
startRouter();
startClock();
startKeys();
watchVisibility();
bindKeys({
  "?": () => (helpOpen.value = !helpOpen.value),
  "/": focusSearch,
  j: () => walkRows(1),
  k: () => walkRows(-1),
  t: nextTheme,
  u: () => setZone(zone.value === "utc" ? "browser" : "utc"),
  x: stopListening,
  ...Object.fromEntries(NAV.map(([href], i) => [String(i + 1), () => navigate(href)])),
});
render(<App />, document.getElementById("app")!);
