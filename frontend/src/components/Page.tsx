"use client";

import { Suspense } from "react";

import { Lobby } from "@/components/Lobby";
import { Mark } from "@/components/icons";
import { NoticeCard } from "@/components/NoticeCard";
import { RoomScreen } from "@/components/roomScreen";
import { SignIn } from "@/components/SignIn";
import { useServiceWorker } from "@/hooks/useServiceWorker";
import { useStage, type Staging } from "@/hooks/useStage";
import * as server from "@/server/api";

/** The whole page: one view at a time. */
export function Page() {
  const staging = useStage();
  useServiceWorker();
  if (staging.now.at !== "room") {
    return (
      <div className="front">
        <header className="brand">
          <Mark />
          <span>VoiceMode</span>
        </header>
        <main>
          <View staging={staging} />
        </main>
      </div>
    );
  }
  return (
    <Suspense fallback={<Waiting />}>
      <RoomScreen
        admission={staging.now.admission}
        failed={staging.failed}
        onLeave={(notice) => staging.go({ type: "left", notice })}
      />
    </Suspense>
  );
}

function View({ staging: { now, go, arrive, failed } }: { readonly staging: Staging }) {
  switch (now.at) {
    case "sign-in":
      return <SignIn ways={now.ways} notice={now.notice} onSignedIn={() => go({ type: "signed-in" })} />;
    case "lobby":
      return (
        <Lobby
          wanted={now.room}
          notice={now.notice}
          failed={failed}
          onEnter={(admission) => go({ type: "entered", admission })}
          onSignOut={() => void server.signOut().then(arrive, failed)}
        />
      );
    case "cut-off":
      return <CutOff staging={{ now, go, arrive, failed }} />;
    default:
      return <Waiting />;
  }
}

function CutOff({ staging: { now, arrive } }: { readonly staging: Staging }) {
  return (
    <section className="card" aria-labelledby="cut-off">
      <h1 id="cut-off">Not connected</h1>
      {now.at === "cut-off" && <NoticeCard notice={now.notice} action={{ label: "Try again", run: arrive }} />}
    </section>
  );
}

function Waiting() {
  return (
    <section className="card waiting" aria-busy="true">
      <h1>One moment…</h1>
    </section>
  );
}
