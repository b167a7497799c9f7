"use client";

import { NoticeCard } from "@/components/NoticeCard";

const BROKEN = { title: "The page has failed.", todo: "It is not your doing. Load it again." };

/** Error view, shown in place of a view that fails. */
export default function Failed() {
  return (
    <main className="front">
      <section className="card" aria-label="Failure">
        <NoticeCard notice={BROKEN} action={{ label: "Load again", run: () => location.reload() }} />
      </section>
    </main>
  );
}
